"""A service that is killed: a parent that has everything imported forks a child for each life.

    python store_mortal.py <folder of generated modules> <file of paid calls>

Each line on stdin is a life, as JSON: ``url``; ``mode`` "load" (several threads decide until the parent kills the child
``after`` seconds after its first answer) or "once" (one decision for ``user``, with its ``key`` if that is not null,
during which SQLite's statement number ``at`` kills the process; none with 0). On stdout comes, as JSON, the list of
what the child was answered: (user, key or null, id of the decision).
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PLAIN, KEYED = 2, 2  # threads of each kind
DEADLINE = 25  # seconds; an owner of a claim is not taken over before
SECONDS = 20  # within which a life must have begun


def main() -> None:
    import store_project

    from app import app
    from chalicelib import bootstrap
    from chalicelib.manifest import Manifest
    from chalicelib.service import LOCAL_CLIENT

    manifest, calls = Manifest.read(Path(sys.argv[1])), Path(sys.argv[2])

    services = {}

    def serve(url: str) -> None:
        """What all lives have in common is made once; nothing is connected before the fork."""
        if url not in services:
            services[url] = store_project.service(manifest, url, calls, deadline=DEADLINE)[0]
            services[url].use_case(LOCAL_CLIENT, "paid_twice")
        bootstrap.service = lambda: services[url]  # type: ignore[assignment]

    with TemporaryDirectory() as folder:  # everything is imported
        service = store_project.service(manifest, f"sqlite:///{folder}/warm.db", Path(folder, "calls"))[0]
        bootstrap.service = lambda: service  # type: ignore[assignment]
        for key in (None, "warm"):
            assert store_project.post(app, "warm", key)["statusCode"] == 200
        service.store().close()
    import psycopg  # noqa: F401
    from sqlalchemy.dialects.postgresql import psycopg as dialect  # noqa: F401

    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        life = json.loads(line)
        serve(life["url"])
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            try:
                (load if life["mode"] == "load" else once)(app, writing, life)
            finally:
                os._exit(0)
        os.close(writing)
        print(json.dumps(outlive(child, reading, life)), flush=True)
        os.close(reading)


def outlive(child: int, reading: int, life: dict[str, Any]) -> list[Any]:
    """Kill the child when its time has come; what it said until then, whole lines only."""
    said = b""
    if life["mode"] == "load":
        if select.select([reading], [], [], SECONDS)[0]:
            time.sleep(life["after"])
        os.kill(child, signal.SIGKILL)
    while more := os.read(reading, 65536):
        said += more
    os.waitpid(child, 0)
    return [json.loads(line) for line in said.split(b"\n")[:-1]]


def load(app: Any, writing: int, life: dict[str, Any]) -> None:
    """Decide and decide; each answer is said before the next is asked for."""

    def work(number: int) -> None:
        for asked in range(1_000_000):
            user = f"{life['life']}-{number}-{asked}"
            ask(app, writing, user, user if number >= PLAIN else None)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(PLAIN + KEYED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def once(app: Any, writing: int, life: dict[str, Any]) -> None:
    """One decision; the process ends at the beginning of a statement."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    begun = count(1)

    def trace(_statement: str) -> None:
        if next(begun) == life["at"]:
            os._exit(1)

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(trace)

    ask(app, writing, life["user"], life["key"])


def ask(app: Any, writing: int, user: str, key: str | None) -> None:
    import store_project

    answer = store_project.post(app, user, key)
    if answer["statusCode"] != 200:
        os.write(writing, json.dumps([user, key, f"{answer['statusCode']} {answer['body']}"]).encode() + b"\n")
        return
    os.write(writing, json.dumps([user, key, json.loads(answer["body"])["id"]]).encode() + b"\n")


if __name__ == "__main__":
    main()
