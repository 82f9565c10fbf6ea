"""Calibration: what a programme's own applications tell of behaviour, and what they do not."""
