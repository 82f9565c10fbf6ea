"""Pure values and functions, one file per step of the path: no I/O, no clock, no chance."""
