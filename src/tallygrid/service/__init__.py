"""One use case per function: load → core → intent → post. The only writer."""
