"""Structured logs: one JSON object a line, of ours and of the libraries', each with the request that it belongs to.

A decision is one line. On Lambda it holds its metrics as well, in CloudWatch's embedded metric format, so that they
cost no call and no second line.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from pydantic_core import to_json
from pythonjsonlogger.json import JsonFormatter

from chalicelib.emf import embedded
from chalicelib.observed import Observe, Observed
from chalicelib.request_id import REQUEST_ID

# Apart from `artemis`: decisions are counted by their lines, whatever the level of the rest.
decisions = logging.getLogger("artemis.decisions")


class Formatter(JsonFormatter):
    """Time (ISO 8601, UTC), level, logger, message, stage, request; the traceback of an error as one text.

    ``end``: for Lambda's own handler, which ends no line.
    """

    def __init__(self, stage: str, end: str = "") -> None:
        renamed = {"levelname": "level", "name": "logger", "exc_info": "traceback"}
        super().__init__("{levelname}{name}{message}", style="{", rename_fields=renamed, json_serializer=_as_json)
        self._stage, self._end = stage, end

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record) + self._end

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        now = time.gmtime(record.created)
        log_data["time"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', now)}.{int(record.msecs):03d}Z"
        super().add_fields(log_data, record, message_dict)
        log_data["stage"] = self._stage
        log_data.update(record.__dict__.get("_fields") or ())  # at once: the library takes a microsecond for each
        request_id = REQUEST_ID.get()
        if request_id:
            log_data["request_id"] = request_id


def _as_json(content: dict[str, Any], **_: Any) -> str:
    """As the library's own would, in a quarter of the time; whatever a library puts into its records."""
    return to_json(content, fallback=str, inf_nan_mode="strings").decode()


def configure(stage: str, level: str) -> None:
    """Log in JSON from now on, through the handlers that the root logger has (Lambda's), or to standard output."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        ends_lines = isinstance(handler, logging.StreamHandler)
        handler.setFormatter(Formatter(stage, "" if ends_lines else "\n"))
    root.setLevel(level)
    decisions.setLevel(logging.INFO)


def log_decision(with_metrics: bool) -> Observe:
    """What writes the line of a decision. ``with_metrics``: in CloudWatch's format."""

    def log(seen: Observed) -> None:
        decisions.info(seen.status, extra={"_fields": {**_fields(seen), **(embedded(seen) if with_metrics else {})}})

    return log


def _fields(seen: Observed) -> dict[str, Any]:
    calls = [
        {"capability": call.capability, "provider": call.provider, "ms": call.ms, "reused": not call.paid}
        | ({"error": call.error} if call.error else {})
        for call in seen.calls
    ]
    return {
        "decision_id": seen.id,
        "use_case": seen.use_case,
        "version": seen.version,
        "client": seen.client,
        "outcome": seen.outcome,
        "duration_ms": seen.duration_ms,
        "steps": seen.steps,
        "calls": calls,
        "degraded": seen.degraded,
        "cost_usd": seen.cost,
        **({"failure": seen.failure} if seen.failure else {}),
    }
