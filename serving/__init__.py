"""Serving the Chalice app outside Lambda: a WSGI adapter, and a server set up for it."""
