"""Simulated worlds for the calibration and the ladder, in plain NumPy.

Nothing here imports rolloutlib: what judges the worlds shares no code with what makes them. Each
module draws one kind of metric; a draw holds samples and sums by repetition, run and unit.
"""
