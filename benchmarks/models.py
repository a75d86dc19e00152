"""Managed models, emulated in another process: several at once, and what our layer costs over the bare client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engine import HEAD, _time
from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import NotMeasured, folder
from chalicelib import intake
from chalicelib.asking import ANY_TIME
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.engine import Engine
from chalicelib.photo import Photo, PhotoPolicy
from chalicelib.providers import PROVIDERS, make
from chalicelib.usecase import load

ROOT = Path(__file__).resolve().parents[1]
LATENCY = 0.1  # seconds that an emulated model takes
AT_ONCE = (1, 3, 8)
SERVER = """
import json, sys
from tests.emulators.server import Emulator, Route

class Models(Emulator):
    def routes(self):
        return [Route("POST", "/slow", self.slow), Route("POST", "/", self.rekognition)]
    def slow(self, request):
        self._slept()
        return 200, {"predictions": [1.5]}, {}
    def rekognition(self, request):
        return 200, {"FaceDetails": []}, {"Content-Type": "application/x-amz-json-1.1"}
    def _slept(self):
        import time
        time.sleep(%r)

with Models() as models:
    print(models.url, flush=True)
    sys.stdin.read()
"""
TASK = """
@task
def task_{number}(score, models) -> float:
    return float(models.predict("m{number}", {{"score": score}}).value)
"""
DECIDE = """
def decide({names}) -> Decision:
    return Decision(outcome="reject" if {names_sum} > 100 else "approve")
"""
LOADED = """
import sys, time
import chalicelib.bootstrap, chalicelib.store
before, began = set(sys.modules), time.perf_counter()
from chalicelib.providers import provider_class
{made}
print(time.perf_counter() - began)
"""


def run() -> Iterator[Result]:
    """Calls at once against the clock, one call against the bare client, and what unused providers cost."""
    with _server() as url, folder() as base:
        for count in AT_ONCE:
            yield _at_once(url, base, count)
        yield _overhead(url)
    yield _unused()


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-c", SERVER % LATENCY]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise NotMeasured("the emulated models did not start")
        yield url
        process.terminate()


def _at_once(url: str, base: Path, count: int) -> Result:
    """``count`` tasks, each with a model of its own that takes 100 ms; the peer asks the same by hand in a pool."""
    import urllib3

    names = [f"task_{number}" for number in range(count)]
    tasks = "".join(TASK.format(number=number) for number in range(count))
    path = base / f"models_{count}.py"
    path.write_text(HEAD + tasks + DECIDE.format(names=", ".join(names), names_sum=" + ".join(names)))
    usecase = load(path.stem, path)
    models = {f"m{number}": {"url": f"{url}/slow"} for number in range(count)}
    routing = Routing.of({"providers": {"predict": "http"}, "provider_settings": {"http": {"models": models}}})
    engine = Engine(Router(routing, make).models)
    request, now = (
        intake.read(usecase.request_model, b'{"user_id": "u-1", "score": 0.5}', PhotoPolicy()),
        datetime.now(UTC),
    )
    pool, body = urllib3.PoolManager(maxsize=count), json.dumps({"instances": [{"score": 0.5}]})

    def ask(_: int) -> Any:
        return json.loads(pool.request("POST", f"{url}/slow", body=body).data)

    with ThreadPoolExecutor(count) as threads:

        def by_hand() -> Any:
            return list(threads.map(ask, range(count)))

        def decide() -> Any:
            made = engine.run(usecase, request, now, 25.0)
            assert made.decision == '{"outcome":"approve"}', made.failure
            return made

        decide(), by_hand()
        ours, peer = alternate(15, lambda: _time(decide, 1), lambda: _time(by_hand, 1))
    what = f"{count} managed call{'s' * (count > 1)} of 100 ms"
    return Result(what, Series(tuple(ours)), "urllib3 in a pool", Series(tuple(peer)), limit=LATENCY + 0.010)


def _overhead(url: str) -> Result:
    """Rekognition through our layer less the same call of the bare client, call by call."""
    import boto3

    keys = {"aws_access_key_id": "emulated", "aws_secret_access_key": "emulated"}
    with _keys(keys):
        client = boto3.client("rekognition", endpoint_url=url, region_name="eu-west-1", **keys)
        settings = {"rekognition": {"endpoint": url, "region": "eu-west-1"}}
        routing = Routing.of({"providers": {"faces": "rekognition"}, "provider_settings": settings})
        router = Router(routing, make)
        photo = Photo.open(ROOT / "usecases" / "samples" / "portrait.jpg")
        data = photo.read()

        def bare() -> Any:
            return client.detect_faces(Image={"Bytes": data}, Attributes=["DEFAULT"])

        def ours() -> Any:
            return router.models(ANY_TIME, Ledger()).faces(photo)

        return _difference("our layer, a Rekognition call", ours, "boto3 alone", bare)


@contextmanager
def _keys(keys: dict[str, str]) -> Iterator[None]:
    """Credentials where boto3 looks for them: the provider takes none itself."""
    import os

    before = dict(os.environ)
    os.environ.update({name.upper(): value for name, value in keys.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _difference(name: str, ours: Callable[[], Any], peer_name: str, peer: Callable[[], Any]) -> Result:
    for _ in range(20):
        ours(), peer()
    first, second = alternate(300, lambda: _time(ours, 1), lambda: _time(peer, 1))
    less = Series((Series(tuple(first)).median - Series(tuple(second)).median,))
    return Result(name, less, peer_name, Series(tuple(second)), limit=0.0005)


def _unused() -> Result:
    """Importing every managed provider's module, as a build does, against importing none: no client comes along."""
    every = "\n".join(f"provider_class({name!r})" for name in PROVIDERS if name not in ("local", "recorded"))
    check = "\nassert not {'boto3', 'botocore', 'grpc', 'google.cloud.vision', 'requests'} & set(sys.modules)"

    def seconds(made: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", LOADED.format(made=made)], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise NotMeasured(done.stderr[-500:])
        return float(done.stdout)

    used, unused = alternate(5, lambda: seconds(every + check), lambda: seconds("pass"))
    return Result(
        "a stage without managed models", Series(tuple(unused)), "all six imported", Series(tuple(used)), limit=0.001
    )
