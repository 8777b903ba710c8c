"""Flags: the document that the plan asks for, its atomic switch, promotion, and the kill switch that takes all back."""
