"""Where work goes: the online choice among all offers, and the free cards it is told of."""
