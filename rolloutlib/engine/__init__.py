"""Driving the reviewed engine: one call, the mini benchmark, the replay of a green run."""
