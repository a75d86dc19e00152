"""A package run as Lambda runs it: awslambdaric, the runtime's own client, against a Runtime API on this machine."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from workbench.shipping.environments import clean, environment
from workbench.shipping.interpreters import interpreter

RUNTIME = "awslambdaric==4.2.2"
PATH = "/2018-06-01/runtime/invocation/"


class RuntimeApi:
    """Hands out events, takes in answers. ``invoke`` gives ``("response" | "error", content)``."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._count = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                request_id, body = api._events.get()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")  # without it the client crashes (SIGSEGV)
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793")
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 30) * 1000)))
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ap-northeast-2:123456789012:function:artemis"
                )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api._answers.put((self.path.rpartition("/")[2], body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a process that was killed hangs up
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def invoke(self, event: Any, seconds: float = 30) -> tuple[str, Any]:
        """One invocation. Raises queue.Empty when nothing is answered in time."""
        self._count += 1
        self._events.put((f"request-{self._count}", event if isinstance(event, bytes) else json.dumps(event).encode()))
        kind, body = self._answers.get(timeout=seconds)
        return kind, json.loads(body)


@contextmanager
def running(
    root: Path, task: Path, python: str, variables: Mapping[str, str], handler: str = "app.app"
) -> Iterator[RuntimeApi]:
    """The unzipped package in ``task`` under the runtime's client, for which ``root`` has an environment."""
    api = RuntimeApi()
    ric = environment(root, interpreter(python), [RUNTIME], f"lambda-{python}")
    given = {
        **clean(),
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "artemis-test-api",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONPATH": str(task),
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    log = open(task.parent / f"{handler}.log", "w")  # noqa: SIM115  closed below
    process = subprocess.Popen(
        [str(ric / "bin" / "python"), "-m", "awslambdaric", handler], cwd=task, env=given, stdout=log, stderr=log
    )
    try:
        yield api
    finally:
        process.kill()
        process.wait()
        log.close()
        api.server.shutdown()
        api.server.server_close()
