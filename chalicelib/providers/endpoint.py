"""The base URL of a private endpoint or an emulator, as a stage file may name it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("a base URL is a scheme, a host and perhaps a port and a path")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("a base URL begins with https:// (http:// only for this machine): secrets are sent to it")
    return url.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint)]
