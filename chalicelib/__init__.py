"""The Artemis runtime: everything that ships to Lambda, and nothing else does."""

import os

__version__ = "0.1.0"

# pydantic looks for plugins by reading every installed distribution's metadata: 16 ms of a cold start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
