"""The report of a run: the same figures in a terminal and as one page with charts."""
