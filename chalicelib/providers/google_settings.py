"""What a stage file may set for every provider of a Google REST API."""

from __future__ import annotations

from pydantic import BaseModel, Field

from chalicelib.providers.endpoint import Endpoint


class GoogleSettings(BaseModel, extra="forbid"):
    """What every provider of a Google REST API lets a stage file set."""

    project: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.:-]*$", description="project id; else the one of the credentials"
    )
    endpoint: Endpoint | None = Field(None, description="base URL instead of Google's: Private Service Connect, tests")
    timeout: float = Field(5, gt=0, le=300, description="seconds for one request")
    attempts: int = Field(3, ge=1, le=10, description="how often a request is sent before it is given up")
