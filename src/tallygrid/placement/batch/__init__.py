"""The batch optimum: many jobs and pools at once, with a bound that anybody can recompute.

`solve` is the whole of it; docs/algorithms/placement.md explains objective, duals and bound.
"""
