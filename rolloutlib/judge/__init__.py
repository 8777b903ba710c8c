"""Estimates meet limits: verdicts, checks, risks and the recommendation of a stage review."""
