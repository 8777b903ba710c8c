"""What a stage can prove before it starts: worlds, the policy in them, chances of a GO."""
