"""The repository's use cases share what was paid for; one's decisions are another's input. Real service and store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.blobs import SIGN
from chalicelib.calling.routing import Routing
from chalicelib.manifest import Manifest
from chalicelib.photo import PhotoPolicy, find_samples
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import Settings

DATA = Path("usecases/data")
Decide = Callable[[str, dict[str, Any]], dict[str, Any]]
TEXTS = "SELECT length(CAST({} AS BLOB)) AS size FROM {}"


@pytest.fixture
def service(database_url: str) -> Service:
    manifest = Manifest.read()
    content = manifest.stages["local"] | {"reuse": {"embedding": "90d", "moderation": "30d", "predict": "1d"}}
    photos = PhotoPolicy(samples=find_samples())
    return bootstrap.build(Settings("local", database_url, routing=Routing.of(content), photos=photos), manifest)


@pytest.fixture
def decide(service: Service) -> Iterator[Decide]:
    def ask(name: str, request: dict[str, Any]) -> dict[str, Any]:
        made = service.decide(LOCAL_CLIENT, name, json.dumps(request, ensure_ascii=False))
        return dict(json.loads(service.get(LOCAL_CLIENT, made.id, with_trace=True)))

    yield ask
    service.store().close()


def calls(stored: dict[str, Any], task: str) -> list[dict[str, Any]]:
    (step,) = [step for step in stored["trace"]["steps"] if step["step"] == task]
    return list(step["calls"])


def rows(table: str, count: int) -> list[dict[str, Any]]:
    with (DATA / table).open(encoding="utf-8") as file:
        return [json.loads(line) for _, line in zip(range(count), file, strict=False)]


def feed(items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    fields = ("id", "language", "kind", "topic", "title", "text", "published", "reads_30d")
    liked = [
        {"item": f"x-{n}", "kind": "like", "at": "2026-11-01T00:00:00Z", "text": f"등산 이야기 {n}"} for n in range(3)
    ]
    request = {"member_id": "m-1", "locale": "ko", "languages": ["ko", "en"], "age": 30, "interactions": liked}
    return request | {"candidates": [{name: item[name] for name in fields} for item in items]} | more


def test_one_new_item_is_all_that_is_embedded_anew_for_anybody(decide: Decide) -> None:
    items = rows("content/catalogue.jsonl", 41)
    first = decide("content-recommendation", feed(items[:40]))
    second = decide("content-recommendation", feed([*items[1:40], items[40]], member_id="m-2"))
    (paid,) = calls(first, "likeness")
    assert paid["items"] == 43  # forty items, three texts that were liked
    reused, anew = sorted(calls(second, "likeness"), key=lambda call: "reused_from" not in call)
    assert (reused["items"], reused["reused_from"], anew.get("items", 1)) == (42, first["id"], 1)


def people(count: int) -> list[dict[str, Any]]:
    anybody = {
        "wants_genders": ["woman", "man", "nonbinary"],
        "wants_age_min": 18,
        "wants_age_max": 120,
        "wants_distance_km": 20000,
        "shown_7d": 5,
    }
    found = [row | anybody for row in rows("dating/members.jsonl", count)]
    return [{name: value for name, value in row.items() if name != "about"} for row in found]


def introducing(some: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    member = {name: value for name, value in some[0].items() if name not in ("id", "shown_7d")}
    return {"member_id": "m-9999", "member": member, "candidates": some[1:]} | more


def test_one_changed_candidate_does_not_pay_for_all(decide: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Item by item: both directions of one pair are all that is asked anew. What depends on the time is held still."""
    some = people(81)
    some = [one | {"active_at": "2027-01-01T00:00:00Z"} for one in some]  # so that no time has passed since then
    decide("match-recommendation", introducing(some))
    some[40] = some[40] | {"likes_received": some[40]["likes_received"] + 50}
    found = calls(decide("match-recommendation", introducing(some, member_id="m-8888")), "chances")
    assert {call.get("items", 1): "reused_from" in call for call in found} == {159: True, 1: False}


def test_photo_reviews_feed_the_introductions(decide: Decide) -> None:
    some = people(4)
    for sample in ("contact.jpg", "contact.jpg", "portrait.jpg"):
        user = some[1]["id"] if sample == "contact.jpg" else some[2]["id"]
        decide("profile-photo-review", {"user_id": user, "photo": {"sample": sample}})
    stored = decide("match-recommendation", introducing(some))
    (step,) = [step for step in stored["trace"]["steps"] if step["step"] == "reviews"]
    assert step["result"] == [[0, 2], [1, 0], [0, 0]]
    places = {place["candidate_id"]: place["reasons"] for place in stored["decision"]["introductions"]}
    assert ["trusted_photos" in places[one["id"]] for one in some[1:]] == [False, True, False]


def test_five_hundred_candidates_leave_a_small_record_that_is_recomputed_exactly(
    decide: Decide, service: Service
) -> None:
    stored = decide("match-recommendation", introducing(people(501)))
    assert stored["trace"]["logic"] == "recomputed" and stored["decision"]["considered"] == 500
    assert len(stored["trace"]["request"]["candidates"]) == 500
    row, results = service.store().get(stored["id"]), service.store().results(stored["id"])
    texts = [value for one in (row, *results) for value in one.values() if isinstance(value, str)]
    is_embedded = service.store().database.dialect.name == "sqlite"
    assert row["request"].startswith(SIGN) == is_embedded  # elsewhere the stage file names a bucket
    assert (sum(len(text.encode()) for text in texts) < 64 * 1024) == is_embedded
