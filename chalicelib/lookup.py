"""Looking decisions up: the query's parameters become a filter, and the filter a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import durations
from chalicelib.errors import Invalid, NotFound
from chalicelib.facts import canonical, has_nul, has_surrogate
from chalicelib.manifest import snake
from chalicelib.rows import envelope
from chalicelib.service import is_uuid, may
from chalicelib.settings import ApiKey

if TYPE_CHECKING:
    from chalicelib.service import Service

LIMIT, HIGHEST = 50, 200  # decisions on a page: where nothing is said, and at most
LONGEST = 200  # characters of a value; no subject is longer
TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[ +-]\d\d:\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are asked for. ``cursor``: an id; only older ones."""

    use_case: str | None = None
    subject: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    cursor: str | None = None
    limit: int = LIMIT


def list_decisions(service: Service, client: ApiKey, query: Mapping[str, list[str]]) -> str:
    """A page as JSON text: ``{"decisions": [envelope, ...], "next": cursor or null}``.

    Raises Invalid for parameters that make no sense, NotFound for a use case that is not there or not this client's.
    """
    wanted = read(query, datetime.now(UTC))
    rows = _page(service, client, wanted)
    shown, more = rows[: wanted.limit], len(rows) > wanted.limit
    envelopes = ",".join(envelope(service.shown(row, service.vault.open_if_possible)) for row in shown)
    return f'{{"decisions":[{envelopes}],"next":{canonical(shown[-1]["id"] if more else None)}}}'


def _page(service: Service, client: ApiKey, wanted: Wanted) -> list[dict[str, Any]]:
    """One row more than the page, to know whether there is another."""
    name = wanted.use_case
    if name is not None and not may(client, name):
        raise NotFound(f"there is no use case {name!r}")
    rows: list[dict[str, Any]] = service.store().listing.page(
        service.settings.stage,
        client.use_cases if name is None else [name],
        wanted.limit + 1,
        subject=wanted.subject,
        outcome=wanted.outcome,
        since=wanted.since,
        before=wanted.cursor,
    )
    if name is not None and not rows and name not in service.manifest.names:
        raise NotFound(f"there is no use case {name!r}")  # one that was withdrawn still has decisions
    return rows


def read(query: Mapping[str, list[str]], now: datetime) -> Wanted:
    """What the parameters say; each stands there once. Raises Invalid that names all that is wrong."""
    problems, found = list[str](), dict[str, Any]()
    for name, values in query.items():
        try:
            found[name] = _parse(name, values, now)
        except ValueError as error:
            problems.append(str(error))
    if "outcome" in query and not {"use_case", "subject"} & query.keys():
        problems.append("outcome needs use_case or subject beside it: there is no index of outcomes alone")
    if problems:
        raise Invalid([{"pointer": "", "detail": problem} for problem in problems])
    return Wanted(**found)


def _parse(name: str, values: list[str], now: datetime) -> Any:
    """A parameter's value. Raises ValueError with the parameter's name."""
    if name not in PARSERS:
        raise ValueError(f"{_shown(name)} is no parameter here; there are: {', '.join(PARSERS)}")
    if len(values) != 1:
        raise ValueError(f"{name} is given {len(values)} times; give it once")
    value = values[0]
    if not value:
        raise ValueError(f"{name} is empty; leave it out or give it a value")
    if len(value) > LONGEST or has_nul(value) or has_surrogate(value):
        raise ValueError(f"{name} is not a text of at most {LONGEST} characters without NUL and lone surrogates")
    try:
        return PARSERS[name](value, now)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST else text[:LONGEST] + "…")


def _since(text: str, now: datetime) -> datetime:
    """An age, a day (its beginning in UTC), or a time with its zone."""
    if not re.match(r"\d{4}-", text):
        return _ago(text, now)
    if not TIME.fullmatch(text):
        raise ValueError(f"{text!r} is no time: write it as 2026-11-01, or as 2026-11-01T09:00:00Z")
    if len(text) > len("2026-11-01") + 6 and text[-6] == " ":
        text = f"{text[:-6]}+{text[-5:]}"  # a + that was not escaped as %2B arrives as a space
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-11-01"):
            return moment.replace(tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time that there is") from None
    raise ValueError(f"{text!r} has no zone: add Z for UTC, or an offset such as %2B09:00 (an escaped +)")


def _ago(text: str, now: datetime) -> datetime:
    try:
        return now - timedelta(seconds=durations.seconds(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an age, such as 30d or 12h, nor a time, such as 2026-11-01 or 2026-11-01T09:00:00Z"
        ) from None
    except OverflowError:
        raise ValueError(f"{text!r} is before all time") from None


def _cursor(text: str, _now: datetime) -> str:
    if not is_uuid(text):
        raise ValueError("it is none that we gave: take `next` of the page before as it is")
    return text


def _limit(text: str, _now: datetime) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= HIGHEST:
        raise ValueError(f"{text!r} is no whole number from 1 to {HIGHEST}")
    return int(text)


def _same(text: str, _now: datetime) -> str:
    return text


PARSERS: dict[str, Callable[[str, datetime], Any]] = {
    "use_case": lambda text, _now: snake(text),
    "subject": _same,
    "outcome": _same,
    "since": _since,
    "cursor": _cursor,
    "limit": _limit,
}
