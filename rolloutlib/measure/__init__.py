"""Samples → additive moments → estimates: one scan, one policy of methods for every design."""
