"""The demo's side of HTTP: a service in a process of its own, and what it is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any


@contextmanager
def starting(root: Path, database: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The service of a project in a process of its own, on a free port; it is stopped at the end."""
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    own = {**environment, "ARTEMIS_DATABASE_URL": f"sqlite:///{database}", "PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(command, cwd=root, env=own, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield service
    finally:
        service.terminate()
        service.wait(timeout=30)


def where(service: subprocess.Popen[str], seconds: int) -> str | None:
    """The URL that a starting service says it answers at; None where it ends, or says nothing in that time."""
    assert service.stdout is not None
    timer = Timer(seconds, service.kill)
    timer.start()
    try:
        for line in service.stdout:
            if found := re.search(r"answers at (http://\S+)", line):
                return found[1]
    finally:
        timer.cancel()
    return None


def decided(url: str, path_name: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
    """The decision on a request, with its trace. Raises urllib.error.HTTPError where there is none."""
    made = _call(f"{url}/v1/use-cases/{path_name}/decisions", key, request)
    return _call(f"{url}/v1/decisions/{made['id']}?include=trace", key)


def _call(url: str, key: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return dict(json.load(answer))
