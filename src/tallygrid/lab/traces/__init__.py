"""Readers of traces: Philly-style CSV, the Standard Workload Format, and openb."""
