"""The same use case on the usual stack, to measure against."""
