"""What ships to Lambda: its cold start under the runtime's own client, its size, and what counting decisions costs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import projects
from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import ROOT, NotMeasured, folder
from tests.lambdas import running
from workbench.project import Project
from workbench.shipping.environments import run as run_command
from workbench.shipping.errors import CannotShip
from workbench.shipping.interpreters import interpreter
from workbench.shipping.package import package

ROUNDS = 11
PYTHON = "3.13"
KEY = "a-key-to-measure-with"
SEED = ["fastapi", "mangum", "sqlalchemy", "pydantic", "uuid6"]
STAGE = {
    "app_name": "bench",
    "autogen_policy": False,
    "lambda_timeout": 28,
    "stages": {
        "staging": {
            "iam_policy_file": "policy-staging.json",
            "environment_variables": {
                "ARTEMIS_STAGE": "staging",
                "ARTEMIS_DATABASE_URL": "{{resolve:ssm:/bench/url}}",
                "ARTEMIS_API_KEYS": "{{resolve:ssm:/bench/keys}}",
            },
        }
    },
}
SETS = {
    "no provider": "providers: {}\n",
    "Rekognition": "providers: {moderation: rekognition}\n",
    "Google Vision": "providers: {text: google_vision}\n",
    "all managed": "providers: {moderation: rekognition, text: google_vision, embedding: vertex_ai, query: bigquery}\n",
}


def run() -> Iterator[Result]:
    """Raises NotMeasured where there is no interpreter of the runtime."""
    try:
        interpreter(PYTHON)
    except CannotShip as error:
        raise NotMeasured(str(error)) from None
    with folder() as base:
        ours = _project(base / "ours")
        seed = _seed(base / "seed")
        yield from _cold(ours, seed, base)
        yield from _sizes(ours, seed)
    yield _counting()


def _project(root: Path) -> Path:
    """The benchmark's use case, with what deploying a stage takes."""
    projects.artemis(root, 1)
    (root / ".chalice").mkdir()
    (root / ".chalice" / "config.json").write_text(json.dumps(STAGE))
    shutil.copy(ROOT / "requirements.txt", root)
    (root / ".artemis").mkdir()
    (root / ".artemis" / "environments").symlink_to(ROOT / ".artemis" / "environments")
    return root


def _packed(root: Path, providers: str) -> Path:
    """The zip of a stage with these providers."""
    (root / "usecases" / "stages" / "staging.yaml").write_text(providers)
    for command in ("build", "policy"):
        projects.run(root, projects.script("artemis"), command)
    return package(Project(root), "staging").archive


def _seed(task: Path) -> Path:
    """The seed's stack, installed as its guides say: pip into a folder, which is zipped; no byte code."""
    command = [str(interpreter(PYTHON)), "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(task)]
    done = run_command([*command, "--constraint", str(ROOT / "constraints.txt"), *SEED])
    if done.returncode:
        raise NotMeasured(done.stderr[-2000:])
    shutil.copy(ROOT / "benchmarks" / "peer" / "app.py", task / "peer.py")
    return task


def _cold(ours: Path, seed: Path, base: Path) -> Iterator[Result]:
    task = base / "task"
    zipfile.ZipFile(_packed(ours, SETS["no provider"])).extractall(task)
    keys = {"bench": {"sha256": hashlib.sha256(KEY.encode()).hexdigest(), "use_cases": ["*"]}}
    own = {
        "ARTEMIS_STAGE": "staging",
        "ARTEMIS_API_KEYS": json.dumps(keys),
        "ARTEMIS_DATABASE_URL": f"sqlite:///{base}/ours.db",
    }
    theirs = {"PEER_DATABASE_URL": f"sqlite:///{base}/theirs.db"}
    first_decision(task, "app.app", own)
    first_decision(seed, "peer.handler", {**theirs, "PEER_CREATE": "1"})
    taken = alternate(
        ROUNDS, lambda: first_decision(task, "app.app", own), lambda: first_decision(seed, "peer.handler", theirs)
    )
    mine, peer = (Series(tuple(values)) for values in taken)
    yield Result(
        "cold start of the package, to the first decision",
        mine,
        "FastAPI + Mangum + ORM, zipped",
        peer,
        ratio_limit=0.5,
    )


def first_decision(task: Path, handler: str, variables: dict[str, str]) -> float:
    """Seconds from the start of the runtime's process to the answer."""
    asked = projects.event("bench")
    asked["headers"]["Authorization"] = f"Bearer {KEY}"
    asked["multiValueHeaders"]["Authorization"] = [f"Bearer {KEY}"]
    began = time.monotonic()
    with running(ROOT, task, PYTHON, variables, handler) as api:
        kind, answer = api.invoke(asked)
        took = time.monotonic() - began
    if kind != "response" or answer["statusCode"] != 200:
        raise NotMeasured(f"{handler}: {json.dumps(answer)[:2000]}")
    return took


def _sizes(ours: Path, seed: Path) -> Iterator[Result]:
    zipped = Path(shutil.make_archive(str(seed), "zip", seed)).stat().st_size
    for name, providers in SETS.items():
        size = Series((float(_packed(ours, providers).stat().st_size),))
        yield Result(f"zip, {name}", size, "seed's, no provider", Series((float(zipped),)), "MB")


def _counting() -> Result:
    """A decision of twelve steps told to the log with CloudWatch's metrics, and a line of the standard library."""
    from chalicelib.logs import log_decision

    seen, observe = _seen(), log_decision(with_metrics=True)
    with _logging_nowhere():
        ours, bare = alternate(2000, lambda: _timed(lambda: observe(seen)), lambda: _timed(lambda: _bare(seen)))
    name = "logs and metrics of a decision"
    return Result(
        name, Series(tuple(ours)), "logging and json, a line of nine fields", Series(tuple(bare)), "µs", limit=50e-6
    )


def _seen() -> Any:
    from chalicelib.asking import Call
    from chalicelib.observed import Observed

    calls = {f"step_{number}": [Call("moderation", "rekognition", "m", "7", 12.5)] for number in range(3)}
    spans = {f"step_{number}": (100.0, 100.01) for number in range(12)}
    about = ("0193a1b2", "profile_photo_review", "9f2c", "staging", "backend", "decided", "review", None, 40.5)
    return Observed(*about, spans, calls, 0, 0.002)


def _bare(seen: Any) -> None:
    fields = ("id", "use_case", "version", "stage", "client", "status", "outcome", "duration_ms", "cost")
    logging.getLogger("bare").info(json.dumps({name: getattr(seen, name) for name in fields}))


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def _logging_nowhere() -> Iterator[None]:
    from chalicelib.logs import configure

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    with open(os.devnull, "w") as nowhere:
        root.handlers[:] = [logging.StreamHandler(nowhere)]
        configure("staging", "INFO")
        try:
            yield
        finally:
            root.handlers[:] = before
            root.setLevel(level)
