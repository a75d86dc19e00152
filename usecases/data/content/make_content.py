"""Makes catalogue.jsonl of catalogue.txt, and readings.jsonl: 300 made-up readers and what they looked at.

    python usecases/data/content/make_content.py

Always the same bytes. The texts are written by hand; dates and numbers of reads are drawn. Readers have a taste for two
to four topics, most read one language, everybody also takes what is popular, and a good part is chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

FOLDER = Path(__file__).parent
READERS, SEED, TODAY = 300, 20261101, date(2026, 11, 1)
MIN_AGES = {"alcohol": 19, "sensitive": 18}  # Korea's law for alcohol; our own rule for what is hard to read
KINDS = (("view", 0.62), ("like", 0.24), ("save", 0.10), ("hide", 0.04))


def main() -> None:
    """Write both files."""
    random = Random(SEED)  # noqa: S311  made-up data, the same each time
    items = list(_items(random))
    _write("catalogue.jsonl", items)
    _write("readings.jsonl", _readings(random, items))


def _items(random: Random) -> Iterator[dict[str, Any]]:
    lines = (FOLDER / "catalogue.txt").read_text("utf-8").splitlines()
    number = 0
    for line in lines:
        if not line or line.startswith("#"):
            continue
        topic, kind, rest = line.split("|", 2)
        texts = [part.split("|", 1) for part in rest.split("||")]
        for place, (title, text) in enumerate(texts):
            number += 1
            other = number + 1 - 2 * place if len(texts) > 1 else None
            yield _item(random, number, topic, kind, title, text, other)


def _item(
    random: Random, number: int, topic: str, kind: str, title: str, text: str, pair: int | None
) -> dict[str, Any]:
    kind, *flags = kind.split("+")
    published = TODAY - timedelta(days=int(random.triangular(1, 365, 40)))
    ends = (TODAY + timedelta(days=random.randint(-20, 60))).isoformat() if kind == "event" else None
    return {
        "id": f"c-{number:03d}",
        "language": "ko" if any("가" <= sign <= "힣" for sign in title + text) else "en",
        "kind": kind,
        "topic": topic,
        "title": title,
        "text": text,
        "published": published.isoformat(),
        "ends": ends,
        "min_age": max((MIN_AGES[flag] for flag in flags if flag in MIN_AGES), default=None),
        "flags": flags,
        "reads_30d": int(random.lognormvariate(4.2, 1.0)),
        "pair": f"c-{pair:03d}" if pair else None,
    }


def _readings(random: Random, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    topics, found = sorted({item["topic"] for item in items}), list[dict[str, Any]]()
    for number in range(1, READERS + 1):
        liked = random.sample(topics, random.randint(2, 4))
        locale = "ko" if random.random() < 0.65 else "en"
        foreign = 0.6 if random.random() < 0.2 else 0.05  # how much of the other language is read
        weights = [_appeal(item, liked, locale, foreign) for item in items]
        chosen = _drawn(random, items, weights, random.randint(10, 30))
        moments = sorted(random.uniform(0, 120) for _ in chosen)[::-1]
        for item, days_ago in zip(chosen, moments, strict=True):
            kind = random.choices([kind for kind, _ in KINDS], [share for _, share in KINDS])[0]
            if kind == "hide" and item["topic"] in liked:
                kind = "like"
            found.append(
                {"reader": f"r-{number:03d}", "locale": locale, "item": item["id"], "kind": kind, "at": _ago(days_ago)}
            )
    return found


def _appeal(item: dict[str, Any], liked: list[str], locale: str, foreign: float) -> float:
    """How likely an item is drawn next: its topic, its language, how much it is read anyway."""
    of_topic = 7.0 if item["topic"] in liked else 1.0
    return float(of_topic * (1.0 if item["language"] == locale else foreign) * (20 + item["reads_30d"]) ** 0.5)


def _drawn(random: Random, items: list[dict[str, Any]], weights: list[float], count: int) -> list[dict[str, Any]]:
    """``count`` different items."""
    chosen: dict[str, dict[str, Any]] = {}
    while len(chosen) < count:
        (item,) = random.choices(items, weights)
        chosen[item["id"]] = item
    return list(chosen.values())


def _ago(days: float) -> str:
    at = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(days=days)
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (FOLDER / name).write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
