"""The container's server: requests a second and the slowest of them, each a stored decision, over real connections.

Eight connections are kept open, each asking again as soon as it is answered. The client is a process of its own on the
same two cores, equally heavy for both sides.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import REQUEST, NotMeasured, Side, folder, sides

CONNECTIONS, REQUESTS, ROUNDS = 8, 200, 5  # requests of each connection in a round
WORKERS = "2"
START_SECONDS = 30


def run() -> Iterator[Result]:
    """Both servers run at once, and are asked in turns."""
    with folder() as base:
        ours, peer = sides(base)
        for side in (ours, peer):
            side.warm_up()
        with _ours(ours) as mine, _peer(peer) as theirs:
            for port in (mine, theirs):
                _ask(port)
            taken = alternate(ROUNDS, lambda: _ask(mine), lambda: _ask(theirs))
        rounds = [[Series(tuple(one)) for one in side] for side in taken]
        each = [Series(tuple(took for _, took in _totals(side))) for side in taken]
        name = "FastAPI under uvicorn"
        yield Result("time of a served decision, 8 connections", each[0], name, each[1], "µs", ratio_limit=1 / 1.5)
        slowest = [Series(tuple(one.p99 for one in side)) for side in rounds]
        yield Result("its 99th percentile, as a caller sees it", slowest[0], name, slowest[1])


def _totals(rounds: list[list[float]]) -> Iterator[tuple[int, float]]:
    """Of each round: how many requests, and seconds for each: the connections' time, shared."""
    for latencies in rounds:
        yield len(latencies), sum(latencies) / CONNECTIONS / len(latencies)


@contextmanager
def _ours(side: Side) -> Iterator[int]:
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0", "--workers", WORKERS, "--threads", "4"]
    with _started(command, side, side.project) as process:
        assert process.stdout
        for line in process.stdout:
            if found := re.search(r"answers at http://127\.0\.0\.1:(\d+)", line):
                yield int(found[1])
                return
    raise NotMeasured("artemis serve did not start")


@contextmanager
def _peer(side: Side) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "peer:app",
        "--port",
        str(port),
        "--workers",
        WORKERS,
        "--no-access-log",
    ]
    with _started(command, side, side.project):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.1)
                continue
            yield port
            return
    raise NotMeasured("uvicorn did not start")


@contextmanager
def _started(command: list[str], side: Side, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=cwd, env=side.environment(), stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _ask(port: int) -> list[float]:
    """The seconds of each request of one round, from a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.served", str(port)], capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(done.stderr[-2000:])
    found: list[float] = json.loads(done.stdout)
    return found


async def _connection(port: int, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(REQUEST).encode()
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    head = f"POST /v1/use-cases/bench/decisions HTTP/1.1\r\nHost: bench\r\n{kind}"
    for _ in range(REQUESTS):
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answered.startswith(b"http/1.1 200"):
            raise SystemExit(answered.decode())
        found = re.search(rb"content-length: (\d+)", answered)
        assert found
        await reader.readexactly(int(found[1]))
        taken.append(time.perf_counter() - began)
    writer.close()


async def _all(port: int) -> list[float]:
    taken: list[float] = []
    await asyncio.gather(*(_connection(port, taken) for _ in range(CONNECTIONS)))
    return taken


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_all(int(sys.argv[1])))))
