"""Lambda, container and laptop give the same bytes for the same request: the package under the runtime's client, the
WSGI adapter and Chalice's test client, on one database."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from event_table import NO_KEY, Request, table

from serving.wsgi import RouteTable
from tests.lambdas import RuntimeApi
from workbench.deploying.function import gateway_event

ROOT = Path(__file__).parent.parent.parent
PATTERNS = [
    "/v1/use-cases/{name}/decisions",
    "/v1/decisions/{decision_id}",
    "/v1/decisions",
    "/v1/decisions/{decision_id}/labels",
    "/v1/use-cases",
    "/v1/models",
    "/openapi.json",
    "/docs",
    "/docs/{name}",
    "/health",
    "/ready",
]


def by_lambda(api: RuntimeApi, request: Request) -> list[Any]:
    pattern, names = RouteTable(PATTERNS).match(request.path.partition("?")[0])
    event = gateway_event(request.method, request.path, request.headers, request.body, pattern, names)
    kind, answer = api.invoke(event)
    assert kind == "response", answer
    body = b64decode(answer["body"]) if answer.get("isBase64Encoded") else (answer["body"] or "").encode()
    headers = {
        name.lower(): value
        for name, value in {
            **answer.get("headers", {}),
            **{n: v[0] for n, v in answer["multiValueHeaders"].items()},
        }.items()
    }
    return [answer["statusCode"], headers.get("content-type"), b64encode(body).decode()]


def test_forty_requests_get_the_same_bytes_three_ways(api: RuntimeApi, variables: dict[str, str]) -> None:
    decided = [by_lambda(api, request) for request in table(None) if request.makes]
    envelope = json.loads(b64decode(decided[0][2]))
    assert decided[0][0] == 200, envelope
    requests = table(envelope["id"])
    assert len(requests) >= 40

    first = [by_lambda(api, request) for request in requests]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "answering.py")],
        cwd=ROOT,
        env={**variables, "PYTHONPATH": str(ROOT)},
        input=json.dumps(
            [{"method": one.method, "path": one.path, "headers": one.headers, "body": one.body} for one in requests]
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    others = json.loads(done.stdout.splitlines()[-1])

    unequal = []
    for request, *answers in zip(requests, first, others["wsgi"], others["client"], strict=True):
        assert answers[0][0] == request.status, (request, b64decode(answers[0][2])[:500])
        if answers[0] != answers[1] or answers[0] != answers[2]:
            shown = [[status, kind, b64decode(body)[:300]] for status, kind, body in answers]
            unequal.append((request.method, request.path, shown))
    assert unequal == []
    assert {one.status for one in requests} >= {200, 401, 404, 405, 415, 422}
    assert any(one.headers == NO_KEY for one in requests)
