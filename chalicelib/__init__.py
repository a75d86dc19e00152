"""The Artemis runtime: everything that ships to Lambda, and nothing else does."""

__version__ = "0.1.0"
