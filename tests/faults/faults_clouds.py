"""Who is asked, each against its emulated cloud, with secrets planted where a careless error would pick them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.retries import standard
from faults_project import QUERY

from chalicelib.providers import aws as aws_provider
from tests.emulators import aws as aws_emulator
from tests.emulators import google_rest, server
from tests.emulators import vision as vision_emulator
from tests.emulators.aws import ACCOUNT, REGION, Aws
from tests.emulators.faults import Fault, WrongSchema
from tests.emulators.google_rest import GoogleRest
from tests.emulators.kserve import KServe
from tests.emulators.server import Emulator
from tests.emulators.vision import VisionEmulator

MARKER = "secret-marker-7f3a"  # in whatever a cloud says when something is wrong
TOKEN, TOKEN_ENV = "planted-bearer-token-7f3a", "FAULTY_TOKEN"
AWS_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED7F3A00000",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+access-key-7f3a",
    "AWS_SESSION_TOKEN": "planted-session-token-7f3a",
}
SECRETS = [MARKER, TOKEN, *AWS_KEYS.values(), ACCOUNT, google_rest.NUMBER, google_rest.ACCOUNT, "ya29."]
SECRETS += ["secret-project-42", "i-0abc", "PRIVATE KEY"]  # the first two are said by the emulators of their own accord


@dataclass
class Cloud:
    """One provider, and the emulator that answers it.

    Args:
        kind: what it is asked for.
        settings: the provider's, as in a stage file.
        mistyped: makes it answer in the documented form, but with values of other types.
        reports: makes its model report this version from now on; None: it reports none.
    """

    provider: str
    kind: str
    emulator: Any
    settings: dict[str, Any]
    mistyped: Callable[[], None]
    reports: Callable[[str], None] | None = None

    @property
    def capability(self) -> str:
        return "predict/asked" if self.kind == "predict" else self.kind

    @property
    def requests(self) -> int:
        """How many have arrived; asking for a token is none."""
        return sum(call["operation"] != "token" for call in self.emulator.calls)

    def always(self, fault: Fault) -> None:
        self.emulator.faults.always(fault)

    def then(self, fault: Fault, times: int = 1) -> None:
        self.emulator.faults.then(fault, times)

    def instead_of_token(self, answer: Callable[[server.Request], Any]) -> None:
        """Have Google's token server answer this."""
        (route,) = [route for route in self.emulator._routes if route.operation == "token"]
        route.answer = answer


def plant(patch: pytest.MonkeyPatch) -> None:
    """Put the secrets into this process's environment, and the marker into what emulators say."""
    original = Emulator._spoilt

    def spoilt(self: Emulator, fault: Fault | None) -> Any:
        return (200, {"unexpected": MARKER}, {}) if isinstance(fault, WrongSchema) else original(self, fault)

    patch.setattr(Emulator, "_spoilt", spoilt)
    patch.setattr(server, "NOT_JSON", f"<html>{MARKER}".encode())
    patch.setattr(vision_emulator, "NO_MESSAGE", b"\xff\xff" + MARKER.encode())
    patch.setattr(aws_emulator, "SAID", f"{aws_emulator.SAID} {MARKER}")
    patch.setattr(aws_provider, "_SESSION", [])
    patch.setattr(aws_provider, "_CLIENTS", {})
    # up to 0.1 s after the first attempt, where botocore would wait up to 1 s: there are many
    scales = {"throttling_base_scale": 0.1, "non_throttling_base_scale": 0.05}
    patch.setattr(standard.ExponentialBackoff, "_DEFAULT_BACKOFF_CONFIG", scales, raising=False)
    patch.delenv("AWS_PROFILE", raising=False)
    for name, value in AWS_KEYS.items() | {(TOKEN_ENV, TOKEN)}:
        patch.setenv(name, value)


@contextmanager
def rekognition(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    def answer(version: str, confidence: Any = 90.0) -> None:
        label = {"Name": "Explicit", "ParentName": "", "Confidence": confidence, "TaxonomyLevel": 1}
        aws.answers["DetectModerationLabels"] = {"ModerationLabels": [label], "ModerationModelVersion": version}

    answer("7.0")
    settings = {"endpoint": aws.url, "region": REGION}
    yield Cloud("rekognition", "moderation", aws, settings, lambda: answer("7.0", MARKER), answer)


@contextmanager
def sagemaker(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    def deploy(variant: str, prediction: Any = 0.5) -> None:
        aws.endpoint("asked-1", lambda items: [prediction for _ in items], variant)

    deploy("7.0")
    settings = {"endpoint": aws.url, "region": REGION, "models": {"asked": {"endpoint": "asked-1"}}}
    yield Cloud("sagemaker", "predict", aws, settings, lambda: deploy("7.0", {"value": [MARKER]}), deploy)


@contextmanager
def google_vision(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with VisionEmulator() as vision:
        safe = {"adult": 1, "racy": 2, "violence": 1, "spoof": 1, "medical": 5}
        vision.canned = {"safe_search_annotation": safe}

        def mistyped() -> None:
            vision.canned = {"safe_search_annotation": dict.fromkeys(safe, 99)}  # a likelihood that there is not

        yield Cloud("google_vision", "moderation", vision, {"endpoint": vision.url}, mistyped)


@contextmanager
def google(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as rest:
        patch.setattr(rest, "error", lambda status: google_rest._error(status, MARKER))
        for name, value in rest.environment(folder).items():
            patch.setenv(name, value)
        yield rest


@contextmanager
def vertex_ai(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with google(folder, patch) as rest:

        def deploy(version: str, prediction: Any = 0.5) -> None:
            rest.deploy("111", lambda rows: [prediction for _ in rows], version=version, model="m")

        deploy("7.0")
        settings = {"endpoint": rest.url, "models": {"asked": {"endpoint_id": "111"}}}
        yield Cloud("vertex_ai", "predict", rest, settings, lambda: deploy("7.0", {"value": [MARKER]}), deploy)


@contextmanager
def bigquery(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with google(folder, patch) as rest:
        field = {"name": "id", "type": "INTEGER", "mode": "NULLABLE"}

        def answer(identifier: str) -> None:
            rest.bigquery.answers[QUERY] = [field], [{"f": [{"v": identifier}]}]

        answer("1")
        yield Cloud("bigquery", "query", rest, {"endpoint": rest.url, "location": "EU"}, lambda: answer(MARKER))


@contextmanager
def bigquery_ml(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with google(folder, patch) as rest:

        def train(version: str, prediction: Any = "no") -> None:
            rest.bigquery.train("shop.churn", lambda item: {"predicted_churned": prediction}, int(float(version)))

        train("7.0")
        model = {"model": "shop.churn", "columns": {"x": "FLOAT64"}, "label": "churned"}
        settings = {"endpoint": rest.url, "location": "EU", "models": {"asked": model}}
        yield Cloud("bigquery", "predict", rest, settings, lambda: train("7.0", [MARKER]), train)


@contextmanager
def http(aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with KServe(TOKEN) as kserve:
        said = {"version": "7.0", "result": None}
        patch.setattr(kserve, "error", lambda status: {"error": MARKER})
        patch.setattr(
            kserve,
            "_answer",
            lambda request, model, result: (200, {**said, "result": said["result"] or result, "model": model}, {}),
        )
        settings = {"models": {"asked": {"url": f"{kserve.url}/plain/models/linear", "token_env": TOKEN_ENV}}}
        mistyped = {"result": [{"value": [MARKER]}]}
        yield Cloud(
            "http",
            "predict",
            kserve,
            settings,
            lambda: said.update(mistyped),
            lambda version: said.update(version=version),
        )


CLOUDS = {
    "rekognition": rekognition,
    "google_vision": google_vision,
    "sagemaker": sagemaker,
    "vertex_ai": vertex_ai,
    "bigquery": bigquery,
    "http": http,
}
MORE = {"bigquery_ml": bigquery_ml}  # whose faults on the way are those of bigquery
