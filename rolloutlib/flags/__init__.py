"""Flags: the document that the plan asks for, its atomic switch, promotion, and the way back."""
