"""Measured comparisons that anyone can run: speed as a ratio to a baseline of the same run."""
