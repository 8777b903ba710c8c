"""Decide staged rollouts of AI features, and prove why: runs → samples → moments → estimates → gates → decision."""

__version__ = "0.1.0"
