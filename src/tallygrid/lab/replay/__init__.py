"""Replay: a trace through one site under FIFO or EASY; see docs/algorithms/replay.md."""
