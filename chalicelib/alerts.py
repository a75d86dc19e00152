"""Alerts to a channel of Slack, where a webhook is configured. Nothing of this is imported otherwise.

Told are unhandled errors, failed decisions, models that changed, and outcomes that shifted: what is logged of them is
what is heard here. Each is told once, by whichever process claims it first in the store, and again only when it is
still so after a while. As with Sentry nothing that was asked is told, and not what an exception said.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Full, Queue
from threading import Lock, Thread
from time import monotonic
from traceback import extract_tb
from typing import Any

from chalicelib.notices import FailedStep
from chalicelib.watching import Shift

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET = {"error": HOUR, "failed": HOUR, "model": DAY, "shift": DAY}  # kind -> for how long it is not told again
WAITING = 50  # alerts at most
LOST_SECONDS = 60.0  # for which a process does not ask again about what another has told
ATTEMPTS, PATIENCE = 2, 5.0  # of a request's time little is left on Lambda
MODEL_CHANGED = "model_changed"  # how the log's line begins

log = logging.getLogger("artemis.alerts")  # which warns only: an alert about alerts would never end


@dataclass(frozen=True, slots=True)
class Alert:
    """``about``: what makes it the same as another of its kind."""

    kind: str
    about: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.about.encode("utf-8", "backslashreplace")).hexdigest()


class Alerts:
    """Tells a channel, in a thread of its own.

    Args:
        post: takes a message, and gives why it was not taken.
        store: gives the process's store.
    """

    def __init__(self, post: Callable[[dict[str, Any]], str | None], stage: str, store: Callable[[], Any]) -> None:
        self._post, self._stage, self._store = post, stage, store
        self._waiting: Queue[Alert] = Queue(WAITING)
        self._quiet: dict[tuple[str, str], float] = {}
        self._starting, self._thread = Lock(), Thread()

    def tell(self, alert: Alert) -> None:
        """Returns at once. What was told lately is not told again."""
        key = (alert.kind, alert.about)
        if self._quiet.get(key, 0.0) > monotonic():
            return
        self._quiet[key] = monotonic() + LOST_SECONDS
        try:
            self._waiting.put_nowait(alert)
        except Full:
            log.warning("an alert is dropped, %s others wait: %s", WAITING, alert.text)
            return
        with self._starting:
            if not self._thread.is_alive():  # the first time, and in a process that was forked
                self._thread = Thread(target=self._run, name="alerts", daemon=True)
                self._thread.start()

    def flush(self, seconds: float) -> None:
        """Waits until all is told, or until then."""
        done = self._waiting.all_tasks_done
        with done:
            done.wait_for(lambda: self._waiting.unfinished_tasks == 0, seconds)

    def _run(self) -> None:
        while True:
            alert = self._waiting.get()
            try:
                self._claim_and_post(alert)
            except Exception:
                log.warning("an alert could not be told: %s", alert.text, exc_info=True)
            self._waiting.task_done()

    def _claim_and_post(self, alert: Alert) -> None:
        if not self._claim(alert):
            return
        self._quiet[alert.kind, alert.about] = monotonic() + QUIET[alert.kind].total_seconds()
        why = self._post(_message(alert, self._stage))
        if why is not None:
            log.warning("Slack was not told: %s: %s", why, alert.text)
            self._quiet.pop((alert.kind, alert.about), None)
            self._store().alerts.release(self._stage, alert.kind, alert.digest)

    def _claim(self, alert: Alert) -> bool:
        try:
            now = datetime.now(UTC)
            return bool(self._store().alerts.claim(self._stage, alert.kind, alert.digest, now, QUIET[alert.kind]))
        except Exception:  # the store is away, which is worth an alert: then each process tells for itself
            log.warning("the store does not say who tells: %s", alert.text)
            return True


class Listener(logging.Handler):
    """Hears what is logged. ``shift_from``: the share of outcomes from which on a shift is told."""

    def __init__(self, alerts: Alerts, shift_from: float) -> None:
        super().__init__(logging.INFO)
        self.alerts, self.shift_from = alerts, shift_from

    def emit(self, record: logging.LogRecord) -> None:
        alert = self._alert(record)
        if alert is not None:
            self.alerts.tell(alert)

    def _alert(self, record: logging.LogRecord) -> Alert | None:
        if record.levelno >= logging.ERROR:
            failed = record.__dict__.get("_failed")
            return _of_failed(failed) if isinstance(failed, FailedStep) else _of_error(record)
        if record.levelno == logging.WARNING and str(record.msg).startswith(MODEL_CHANGED):
            said = record.getMessage().removeprefix(f"{MODEL_CHANGED}: ")
            return Alert("model", said, f"a model changed: {said}. Its decisions since may differ: GET /v1/models")
        shift = record.__dict__.get("_shift")
        return _of_shift(shift) if isinstance(shift, Shift) and shift.share >= self.shift_from else None


def _of_failed(failed: FailedStep) -> Alert:
    error = failed.failure.error
    about = (failed.use_case, failed.failure.step, failed.failure.kind, error.get("type"), error.get("line"))
    text = f"a decision failed: {failed.detail}: {error.get('type', 'Error')}. The first: {failed.decision_id}"
    return Alert("failed", "/".join(map(str, about)), text)


def _of_error(record: logging.LogRecord) -> Alert:
    """The template of what was logged, since what was put in may be anything, and where an exception was raised."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return Alert("error", str(record.msg), f"an error was logged: {record.msg}")
    frames = extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    which = f" ({record.getMessage()})" if str(record.msg).startswith("unhandled error") else ""
    return Alert("error", f"{type(error).__name__}/{place}", f"{type(error).__name__} at {place}{which}: see the log")


def _of_shift(shift: Shift) -> Alert:
    share = f"{shift.share:.0%}"
    text = f"{shift.use_case} decides otherwise than before: {share} of the last day's decisions have another outcome"
    return Alert("shift", shift.use_case, f"{text}. What to do: docs/operations.md#alarm-outcome-shift")


def _message(alert: Alert, stage: str) -> dict[str, Any]:
    from chalicelib.slack import escaped

    text = f"⚠️ Artemis on {escaped(stage)}: {escaped(alert.text)}"[:2900]
    return {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}
