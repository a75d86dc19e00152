"""Answers requests by the WSGI adapter and by Chalice's own test client, in a process of its own.

Standard input: a JSON list of requests; standard output: for each way a list of ``[status, content type, body]``, the
body in base64.
"""

from __future__ import annotations

import io
import json
import sys
from base64 import b64encode
from typing import Any
from urllib.parse import unquote


def by_wsgi(adapter: Any, request: dict[str, Any]) -> list[Any]:
    body = (request["body"] or "").encode()
    path, _, query = request["path"].partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "RAW_URI": request["path"],
        "PATH_INFO": unquote(path),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "127.0.0.1",
    }
    for name, value in request["headers"].items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    told: list[Any] = []
    parts = adapter(environ, lambda status, headers: told.extend((status, headers)))
    return answer(int(told[0].split()[0]), dict(told[1]), b"".join(parts))


def by_client(client: Any, request: dict[str, Any]) -> list[Any]:
    body = (request["body"] or "").encode()
    found = client.http.request(request["method"], request["path"], headers=request["headers"], body=body)
    return answer(found.status_code, found.headers, found.body)


def answer(status: int, headers: Any, body: bytes) -> list[Any]:
    kinds = {name.lower(): value for name, value in headers.items()}
    return [status, kinds.get("content-type"), b64encode(body).decode()]


if __name__ == "__main__":
    from chalice.test import Client

    from app import app
    from serving.wsgi import WsgiAdapter

    requests = json.load(sys.stdin)
    adapter = WsgiAdapter(app)
    with Client(app) as client:
        answers = {
            "wsgi": [by_wsgi(adapter, request) for request in requests],
            "client": [by_client(client, request) for request in requests],
        }
    print(json.dumps(answers))
