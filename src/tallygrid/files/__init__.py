"""The only place that meets loose data: every file a person writes is parsed here, once.

All mistakes of a file are reported at once, each with its line, the value found and the
remedy; what comes out is valid, in the core's own terms.
"""
