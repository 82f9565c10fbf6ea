"""Reports of what was tried: a sweep, a comparison, a search; pages like those of a single run."""
