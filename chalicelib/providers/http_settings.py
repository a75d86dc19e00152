"""What the stage file says of model servers: who answers which capability, and where.

provider_settings:
  http:
    models:
      fraud:                                   # our name of it: models.predict("fraud", …)
        url: https://models.example/fraud
        token_env: FRAUD_TOKEN
        classes: ["no", "yes"]                 # of [0.2, 0.8]; in quotes, as YAML's no is false
      churn:
        url: https://triton.example            # /v2/models/churn-7/infer is added
        protocol: kserve_v2
        model: churn-7
        tensors:
          inputs: [{name: input-0, columns: [age, visits], datatype: FP32}]
          outputs: {scores: probabilities, classes: [stays, leaves]}
    embedding: {url: "http://127.0.0.1:9000/embed"}
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, model_validator

from chalicelib.predictions import Classes
from chalicelib.providers.kserve import Tensors

SOURCES = ("moderation", "faces", "text", "labels", "embedding")


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError("not the name of an environment variable, as FRAUD_TOKEN; a token itself has no place here")
    return name


Variable = Annotated[str, AfterValidator(_variable)]


class Server(BaseModel, extra="forbid", hide_input_in_errors=True):
    """Who answers a capability.

    Args:
        url: what is posted to: https, or http on this machine or where ``allow_http`` says so. No user, no query.
        token_env: the environment variable that holds its bearer token.
        references: photos in S3 are sent as references.
    """

    url: str
    token_env: Variable | None = None
    references: bool = False


class Model(BaseModel, extra="forbid", hide_input_in_errors=True):
    """Who answers ``predict`` for one model.

    Args:
        url: as for any server; for ``kserve_v2`` what stands before ``/v2``.
        token_env: the environment variable that holds its bearer token.
        classes: the names of its classes "0", "1", … in order; ``kserve_v2`` has them in ``tensors.outputs``.
        model: the server's name of it; not given: ours. Only for ``kserve_v2``, as what follows.
        version: the version to ask for; not given: the server's choice.
        tensors: see :class:`chalicelib.providers.kserve.Tensors`.
    """

    url: str
    token_env: Variable | None = None
    protocol: Literal["plain", "kserve_v2"] = "plain"
    classes: Classes = []
    model: str | None = None
    version: str | None = None
    tensors: Tensors | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Model:
        if self.protocol == "kserve_v2" and self.tensors is None:
            raise ValueError("kserve_v2 needs tensors: its inputs, with name and datatype")
        if self.protocol == "kserve_v2" and self.classes:
            raise ValueError("classes: those of kserve_v2 stand in tensors.outputs.classes")
        if self.protocol == "plain" and (self.model or self.version or self.tensors):
            raise ValueError("model, version and tensors are for the protocol kserve_v2; a plain url names its model")
        return self


class HttpSettings(BaseModel, extra="forbid", hide_input_in_errors=True):
    """Which server answers what.

    Args:
        endpoint: takes the place of scheme, host and port of every url; a url may then be a path alone.
        timeout: seconds for a call, all its attempts together.
        attempts: how often a call is tried at most.
        max_bytes: of an answer.
        allow_http: http is allowed to other machines too, as inside a cluster.
    """

    endpoint: str | None = None
    timeout: float = Field(5, gt=0, allow_inf_nan=False)
    attempts: int = Field(3, ge=1, le=10)
    max_bytes: int = Field(10_000_000, ge=1)
    allow_http: bool = False
    models: dict[str, Model] = {}
    moderation: Server | None = None
    faces: Server | None = None
    text: Server | None = None
    labels: Server | None = None
    embedding: Server | None = None

    @model_validator(mode="after")
    def _urls(self) -> HttpSettings:
        servers = {name: getattr(self, name) for name in SOURCES} | self.models
        urls = {"endpoint": self.endpoint} | {name: server.url for name, server in servers.items() if server}
        for name, url in urls.items():
            if url is not None and not (self.endpoint and url.startswith("/")):
                _check(name, url, self.allow_http)
        return self

    def address(self, server: Server | Model) -> str:
        """Where a server is asked."""
        return self.endpoint.rstrip("/") + urlsplit(server.url).path if self.endpoint else server.url


def _check(name: str, url: str, allow_http: bool) -> None:
    """Raises ValueError, without the url, which may hold what should not stand there."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name}: give a whole url, https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            f"{name}: a url has no user, query or fragment here; a token stands in an environment variable"
        )
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise ValueError(f"{name}: http is for this machine; use https, or set allow_http inside a cluster")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
