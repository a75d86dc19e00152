"""What a task may know of the past: earlier decisions, facts and labels of the same subject, and others' outcomes.

It ends at the decision's ``now`` and leaves that decision itself out, so it is the same whenever it is asked for.
It holds what was decided on the same stage: no failed decision, and none that was forgotten.
"""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from chalicelib import durations
from chalicelib.asking import Asking
from chalicelib.sensitive import masked

__all__ = ["History", "PastDecision", "PastLabel", "PastResult"]

MOST = 1000  # entries that one question may ask for


class PastDecision(BaseModel):
    """A decision that was taken before. ``decision`` is what was answered, as JSON holds it."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    use_case: str = ""
    subject: str = ""  # of a past made by hand: about whom, where not about the request's subject
    outcome: str | None = None
    decision: dict[str, Any] = {}
    created_at: AwareDatetime


class PastResult(BaseModel):
    """What a task of an earlier decision found, as JSON holds it; never a fallback. ``created_at``: the decision's."""

    model_config = ConfigDict(frozen=True)

    decision_id: str = ""
    use_case: str = ""
    task: str
    result: Any = None
    created_at: AwareDatetime


class PastLabel(BaseModel):
    """What somebody said of an earlier decision: the right ``outcome``, where ``decided`` is what was decided."""

    model_config = ConfigDict(frozen=True)

    decision_id: str = ""
    use_case: str = ""
    outcome: str
    decided: str | None = None
    who: str = ""
    reason: str | None = None
    created_at: AwareDatetime


Entry = TypeVar("Entry", PastDecision, PastResult, PastLabel)


def _endless() -> float:
    return math.inf


@dataclass(frozen=True, slots=True)
class Asker:
    """For which decision the past is asked for: of whom, and when. ``left``: seconds until nobody waits any more."""

    use_case: str
    subject: str | None
    now: datetime
    decision_id: str = ""
    stage: str = ""
    left: Callable[[], float] = _endless


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the past: what was created from ``since`` on, and before the asker's ``now``."""

    asker: Asker
    use_case: str
    since: datetime
    limit: int


class Past(Protocol):
    """Where the past is kept. Every method gives the newest ``limit`` entries."""

    def decisions(self, wanted: Wanted, outcome: str | None) -> list[PastDecision]: ...

    def results(self, wanted: Wanted, task: str) -> list[PastResult]: ...

    def labels(self, wanted: Wanted) -> list[PastLabel]: ...

    def outcomes(self, wanted: Wanted, subjects: Sequence[str]) -> Iterable[tuple[str, str, int]]:
        """(subject, outcome, how often), in any order."""
        ...


class History:
    """The past of one subject, newest first. All that a task is given under the name ``history``.

    Of others there is only how often which outcome was decided: see ``outcomes``.

    Every method raises ValueError when it is asked in a wrong way, and Unavailable when the store does not answer.
    ``use_case``: whose past (default: the asking use case's); ``since``: how long ago at most, such as ``"30d"``;
    ``limit``: how many entries at most, up to 1000.
    """

    __slots__ = ("_asker", "_past", "_use_cases")

    def __init__(self, past: Past, asker: Asker, use_cases: Collection[str] = ()) -> None:
        self._past, self._asker, self._use_cases = past, asker, use_cases

    @classmethod
    def of(
        cls,
        decisions: Sequence[PastDecision] = (),
        results: Sequence[PastResult] = (),
        labels: Sequence[PastLabel] = (),
        use_case: str = "",
    ) -> History:
        """A past made by hand, to try a use case with: all of it is taken to be about the request's subject.

        Entries with the same ``use_case`` as this one are the asking use case's own. It may be left out in both.
        """
        return cls(HandMade(decisions, results, labels), Asker(use_case, "", datetime.now(UTC)))

    def decisions(
        self, use_case: str | None = None, outcome: str | None = None, since: str = "30d", limit: int = 100
    ) -> list[PastDecision]:
        """What was decided, perhaps only where it had this outcome."""
        wanted = self._wanted("decisions", use_case, since, limit)
        if outcome is not None:
            _expect_text("decisions", "outcome", outcome)
        return [] if wanted.asker.subject is None else _newest_first(self._past.decisions(wanted, outcome))

    def results(self, task: str, use_case: str | None = None, since: str = "30d", limit: int = 100) -> list[PastResult]:
        """What a task found. Where it failed there is nothing, whether or not it had a fallback."""
        wanted = self._wanted("results", use_case, since, limit)
        _expect_text("results", "task", task)
        return [] if wanted.asker.subject is None else _newest_first(self._past.results(wanted, task))

    def labels(self, use_case: str | None = None, since: str = "30d", limit: int = 100) -> list[PastLabel]:
        """What people said the right outcome of decisions was, whenever these were taken; several may say so of one."""
        wanted = self._wanted("labels", use_case, since, limit)
        return [] if wanted.asker.subject is None else _newest_first(self._past.labels(wanted))

    def outcomes(
        self, subjects: Sequence[str], use_case: str | None = None, since: str = "30d"
    ) -> dict[str, dict[str, int]]:
        """How often each outcome was decided about each of up to 1000 subjects; of those without any there is nothing.

        ``{"m-17": {"approve": 2, "reject": 1}}``, in the order of ``subjects``. They may be others than the request's.
        """
        wanted, asked = self._wanted("outcomes", use_case, since, MOST), list(dict.fromkeys(subjects))
        if isinstance(subjects, str) or not all(isinstance(one, str) for one in asked):
            raise ValueError("history.outcomes(subjects=…): give a list of texts")
        if len(asked) > MOST:
            raise ValueError(f"history.outcomes(subjects=…): {len(asked)} subjects are given; {MOST} are the most")
        counted: dict[str, dict[str, int]] = {}
        for subject, outcome, count in sorted(self._past.outcomes(wanted, asked)) if asked else ():
            counted.setdefault(subject, {})[outcome] = count
        return {subject: counted[subject] for subject in asked if subject in counted}

    def asked_by(self, asking: Asking, subject: str | None, now: datetime, use_cases: Collection[str] = ()) -> History:
        """This past as it is for one decision; the names of use cases are checked where they are given."""
        changes = {"subject": subject, "now": now, "decision_id": asking.decision_id, "left": asking.left}
        return History(self._past, replace(self._asker, **changes), use_cases)  # type: ignore[arg-type]

    def _wanted(self, method: str, use_case: str | None, since: str, limit: int) -> Wanted:
        if use_case is not None:
            _expect_text(method, "use_case", use_case)
            self._check_name(method, use_case)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise ValueError(f"history.{method}(limit={limit!r}): give a whole number from 1 to {MOST}")
        try:
            begin = _ago(self._asker.now, durations.seconds(since))
        except ValueError as error:
            raise ValueError(f"history.{method}(since={since!r}): {error}") from None
        return Wanted(self._asker, self._asker.use_case if use_case is None else use_case, begin, limit)

    def _check_name(self, method: str, name: str) -> None:
        if not self._use_cases or name in self._use_cases or name == self._asker.use_case:
            return
        close = difflib.get_close_matches(name, self._use_cases, n=1)
        known = ", ".join(sorted(self._use_cases))
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {known}"
        raise ValueError(f"history.{method}(use_case={name!r}): there is no such use case; {hint}")


class HandMade:
    """A past that is given as lists, in any order."""

    def __init__(
        self,
        decisions: Sequence[PastDecision] = (),
        results: Sequence[PastResult] = (),
        labels: Sequence[PastLabel] = (),
    ) -> None:
        self._decisions, self._results, self._labels = tuple(decisions), tuple(results), tuple(labels)

    def decisions(self, wanted: Wanted, outcome: str | None) -> list[PastDecision]:
        own = (one for one in self._others(wanted) if one.subject in ("", wanted.asker.subject))
        return _within(wanted, (one for one in own if outcome is None or one.outcome == outcome))[: wanted.limit]

    def results(self, wanted: Wanted, task: str) -> list[PastResult]:
        return _within(wanted, (one for one in self._results if one.task == task))[: wanted.limit]

    def labels(self, wanted: Wanted) -> list[PastLabel]:
        return _within(wanted, self._labels)[: wanted.limit]

    def outcomes(self, wanted: Wanted, subjects: Sequence[str]) -> Iterable[tuple[str, str, int]]:
        whose = ((one.subject or wanted.asker.subject, one.outcome) for one in _within(wanted, self._others(wanted)))
        counts = Counter((subject, outcome) for subject, outcome in whose if subject in subjects and outcome)
        return [(str(subject), str(outcome), count) for (subject, outcome), count in counts.items()]

    def _others(self, wanted: Wanted) -> Iterable[PastDecision]:
        """All decisions but the asking one."""
        return (one for one in self._decisions if one.id != wanted.asker.decision_id or not one.id)


class Stored:
    """The past as the store has it.

    Args:
        store: makes the store; called when a task asks for something.
        opened: gives a stored JSON text without sealed members. They are masked: what a task returns is recorded by
            its own annotation, so what was opened for it might be written down plainly.
    """

    def __init__(
        self,
        store: Callable[[], Any],
        opened: Callable[[str], str] = masked,
        fetch: Callable[[str], str] = str,
    ) -> None:
        self._store, self._opened, self._fetch = store, opened, fetch

    def decisions(self, wanted: Wanted, outcome: str | None) -> list[PastDecision]:
        rows = self._store().past.decisions(wanted, outcome)
        return [PastDecision(**{**row, "decision": self._read(row["decision"])}) for row in rows]

    def results(self, wanted: Wanted, task: str) -> list[PastResult]:
        rows = self._store().past.results(wanted, task)
        return [PastResult(**{**row, "result": self._read(row["result"])}) for row in rows]

    def labels(self, wanted: Wanted) -> list[PastLabel]:
        return [PastLabel(**row) for row in self._store().past.labels(wanted)]

    def outcomes(self, wanted: Wanted, subjects: Sequence[str]) -> Iterable[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = self._store().past.outcomes(wanted, subjects)
        return found

    def _read(self, text: str) -> Any:
        return json.loads(self._opened(self._fetch(text)))


def nothing_before(asking: Asking, subject: str | None, now: datetime, use_cases: Collection[str] = ()) -> History:
    """A history that holds nothing; the names of use cases are checked where they are given."""
    return History.of(use_case=asking.use_case).asked_by(asking, subject, now, use_cases)


def _within(wanted: Wanted, entries: Iterable[Entry]) -> list[Entry]:
    own = (one for one in entries if one.use_case == wanted.use_case)
    return _newest_first(one for one in own if wanted.since <= one.created_at < wanted.asker.now)


def _newest_first(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda one: one.created_at, reverse=True)


def _ago(now: datetime, seconds: float) -> datetime:
    """``seconds`` before ``now``; 1970 where there is no such date."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _expect_text(method: str, argument: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"history.{method}({argument}={value!r}): give a text")
