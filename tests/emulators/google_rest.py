"""Google's REST APIs: the token server of service accounts, Vertex AI, and BigQuery (``google_bigquery``).

    with GoogleRest() as google:
        os.environ.update(google.environment(folder))     # a service account's key file, as Google's libraries want it
        google.deploy("churn", lambda instances: [0.5 for _ in instances])
        google.bigquery.tables("CREATE TABLE …")

The token flow is the real one: a JWT signed with the account's private key, checked here, for a token that runs out.
Every other route wants such a token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from google.auth import jwt

from tests.emulators.google_bigquery import BigQueryJobs
from tests.emulators.server import Emulator, Reply, Request, Route

PROJECT, NUMBER = "artemis-emulated", "123456789012"
ACCOUNT = f"decisions@{PROJECT}.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"  # google-auth signs for this one, whatever the key file names
DIMENSIONS = 16  # of an embedding; real ones have 768 and more
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass
class Deployed:
    """A model at an endpoint: from instances to predictions."""

    predict: Callable[[list[Any]], list[Any]]
    model: str = "4567890123456789012"
    version: str = "1"


class GoogleRest(Emulator):
    """One server for all of them.

    Attributes:
        token_seconds: how long a token is good.
        token_status: what the token server answers; 400 is the answer to an account that was disabled or a key deleted.
        instances: what Vertex AI was last asked about.
        vector: what a text is embedded as.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token_seconds, self.token_status = 3600.0, 200
        self.instances: list[Any] = []
        self.vector: Callable[[str], list[float]] = _vector
        self.bigquery = BigQueryJobs(self._closing)
        self._tokens: dict[str, float] = {}
        self._endpoints: dict[str, Deployed] = {}

    def routes(self) -> Sequence[Route]:
        place = "/v1/projects/{project}/locations/{location}"
        projects = "/bigquery/v2/projects/{project}"
        return [
            Route("POST", "/token", self.token, faulty=False),
            Route("POST", place + "/endpoints/{endpoint}:predict", self._authorised(self.predict)),
            Route("POST", place + "/publishers/google/models/{model}:predict", self._authorised(self.embed)),
            Route("POST", projects + "/queries", self._authorised(self.query)),
            Route("GET", projects + "/queries/{job}", self._authorised(self.query_results)),
            Route("POST", projects + "/jobs/{job}/cancel", self._authorised(self.cancel_job)),
            Route("GET", projects + "/datasets/{dataset}/models/{model}", self._authorised(self.get_model)),
        ]

    def error(self, status: int) -> Any:
        return _error(status, "words of the provider that nobody else shall read")

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment variables that lead Google's libraries here; writes the account's key into ``folder``."""
        key = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": _keys()[0],
            "client_email": ACCOUNT,
            "client_id": NUMBER,
            "token_uri": f"{self.url}/token",
        }
        path = folder / "service-account.json"
        path.write_text(json.dumps(key), "utf-8")
        path.chmod(0o600)
        return {"GOOGLE_APPLICATION_CREDENTIALS": str(path), "GOOGLE_CLOUD_PROJECT": PROJECT, "NO_GCE_CHECK": "true"}

    def deploy(self, endpoint: str, predict: Callable[[list[Any]], list[Any]], **model: str) -> None:
        """Deploy a function to an endpoint of Vertex AI. ``model``: the fields of :class:`Deployed`."""
        self._endpoints[endpoint] = Deployed(predict, **model)

    def revoke(self) -> None:
        """Every token that was given is refused from now on."""
        self._tokens.clear()

    def token(self, request: Request) -> Reply:
        if self.token_status != 200:
            return self.token_status, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, {}
        assertion = parse_qs(request.body.decode())["assertion"][0]
        try:
            claims = jwt.decode(assertion, certs=_keys()[1], audience=AUDIENCE)
        except ValueError as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}, {}
        if claims["iss"] != ACCOUNT or SCOPE not in claims["scope"].split():
            return 400, {"error": "invalid_scope"}, {}
        token = f"ya29.{uuid4().hex}"
        self._tokens[token] = monotonic() + self.token_seconds
        return 200, {"access_token": token, "expires_in": int(self.token_seconds), "token_type": "Bearer"}, {}

    def predict(self, request: Request) -> Reply:
        deployed = self._endpoints.get(request.names["endpoint"])
        if deployed is None:
            return 404, _error(404, "no such endpoint"), {}
        if len(request.body) > 1_500_000:
            return 400, _error(400, "too large"), {}
        self.instances = request.json()["instances"]
        request.note(items=len(self.instances))
        place = f"projects/{NUMBER}/locations/{request.names['location']}"
        answer = {
            "predictions": deployed.predict(self.instances),
            "deployedModelId": "8901",
            "model": f"{place}/models/{deployed.model}",
            "modelDisplayName": request.names["endpoint"],
            "modelVersionId": request.version(deployed.version),
        }
        return 200, answer, {}

    def embed(self, request: Request) -> Reply:
        texts = [instance["content"] for instance in request.json()["instances"]]
        request.note(items=len(texts))
        most = 1 if request.names["model"].startswith("gemini-") else 250
        if not 0 < len(texts) <= most or sum(map(len, texts)) > 20_000:
            return 400, _error(400, "too many texts or tokens"), {}
        return 200, {"predictions": [{"embeddings": {"values": self.vector(text)}} for text in texts]}, {}

    def query(self, request: Request) -> Reply:
        return self.bigquery.query(request)

    def query_results(self, request: Request) -> Reply:
        return self.bigquery.results(request)

    def cancel_job(self, request: Request) -> Reply:
        return self.bigquery.cancel(request)

    def get_model(self, request: Request) -> Reply:
        return self.bigquery.model(request)

    def _authorised(self, answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        @wraps(answer)
        def wanting_a_token(request: Request) -> Reply:
            token = str(request.headers.get("Authorization")).removeprefix("Bearer ")
            if self._tokens.get(token, 0) < monotonic():
                return 401, _error(401, "no valid token"), {}
            return answer(request)

        return wanting_a_token


@cache
def _keys() -> tuple[str, str]:
    """A private and its public key, as PEM."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = generate_private_key(65537, 1024)  # short: it guards nothing, and every test loads it
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def _error(status: int, message: str) -> Any:
    return {"error": {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}}


def _vector(text: str) -> list[float]:
    return [byte / 128 - 1 for byte in blake2b(text.encode(), digest_size=DIMENSIONS).digest()]
