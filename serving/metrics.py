"""Prometheus' metrics of a server with several processes, on a port of their own.

Each worker counts in files of a shared folder, which prometheus_client adds up when it is asked. The folder is made
by the master before it forks, and is gone when the server ends. The port is for the inner network: whoever reaches it
reads which use cases there are and how often each outcome was decided, and nothing of what was asked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from chalicelib.observed import Observe, Observed

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks for it when it is imported
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)  # up to the deadline


@contextmanager
def measuring(host: str, port: int) -> Iterator[tuple[Observe, Callable[[int], None], int]]:
    """Metrics while the server runs: what counts a decision, what is told the pid of a worker that died, and the port.

    Raises OSError where the address cannot be had.
    """
    folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="artemis-metrics-")
    try:
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        server, thread = start_http_server(port, host, registry)
        try:
            yield counting(), mark_process_dead, server.server_port
        finally:
            server.shutdown()
            thread.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[FOLDER]


def counting() -> Observe:
    """What counts decisions in this process's metrics."""
    from prometheus_client import Counter, Histogram

    by_use_case = ["stage", "use_case"]
    decisions = Counter("artemis_decisions", "Decisions that were stored", [*by_use_case, "status", "outcome"])
    degraded = Counter("artemis_degraded", "Decisions that used a fallback or a stand-in", by_use_case)
    took = Histogram("artemis_decision_seconds", "From request to decision", by_use_case, buckets=SECONDS)
    steps = Histogram("artemis_step_seconds", "Of each step", [*by_use_case, "step"], buckets=SECONDS)
    calls = Counter("artemis_provider_calls", "Questions to providers", ["provider", "capability", "result"])
    cost = Counter("artemis_cost_usd", "Estimate by the price list, in US dollars", by_use_case)

    of_use_case = cache(lambda *labels: (degraded.labels(*labels), took.labels(*labels), cost.labels(*labels)))
    decided, step, call = cache(decisions.labels), cache(steps.labels), cache(calls.labels)  # finding one takes longer

    def count(seen: Observed) -> None:
        labels = seen.stage, seen.use_case
        fell_back, seconds, dollars = of_use_case(*labels)
        decided(*labels, seen.status, seen.outcome or "").inc()
        fell_back.inc(int(seen.degraded > 0))
        seconds.observe(seen.duration_ms / 1000)
        for name, (began, ended) in seen.spans.items():
            step(*labels, name).observe(ended - began)
        for one in seen.calls:
            call(one.provider, one.capability, one.error or ("answered" if one.paid else "reused")).inc()
        dollars.inc(seen.cost)

    return count
