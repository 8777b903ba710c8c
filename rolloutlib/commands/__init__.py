"""Sub-commands of `rollout`: each parses, calls one function, prints, and returns an exit code."""

__all__: list[str] = []
