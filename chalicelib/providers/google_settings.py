"""What a stage file may set for every provider of a Google REST API."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("a base URL is a scheme, a host and perhaps a port and a path")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("a base URL begins with https:// (http:// only for this machine): a token is sent to it")
    return url.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class GoogleSettings(BaseModel, extra="forbid"):
    """What every provider of a Google REST API lets a stage file set."""

    project: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.:-]*$", description="project id; else the one of the credentials"
    )
    endpoint: Endpoint | None = Field(None, description="base URL instead of Google's: Private Service Connect, tests")
    timeout: float = Field(5, gt=0, le=300, description="seconds for one request")
    attempts: int = Field(3, ge=1, le=10, description="how often a request is sent before it is given up")
