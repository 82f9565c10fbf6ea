"""Network runs: many sites, programmes and firms at once; see docs/algorithms/laboratory.md."""
