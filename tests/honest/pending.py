"""What is not there yet: each name goes when the thing comes, and the file with the last."""
