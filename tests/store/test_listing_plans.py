"""Every combination of filters walks an index that ends in the id: nothing is scanned, nothing sorted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from many_decisions import BEGIN, DAYS, fill, label_all
from plans import objections, statements
from sqlalchemy import insert, select
from uuid6 import uuid7

from chalicelib.store import Store
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions, model_versions

COUNT = 20_000
MIDDLE = BEGIN + timedelta(days=DAYS // 2)


@pytest.fixture
def full(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    store.ping()
    fill(store.database, COUNT)
    yield store
    store.close()


SCOPES = {
    "everything": None,
    "one use case": ["refund_check"],
    "a rare use case": ["rare_check"],
    "a use case without decisions": ["none"],
    "several use cases": ["refund_check", "photo_review", "rare_check"],
}
FILTERS = [
    {**subject, **outcome, **since, **before}
    for subject, outcome, since, before in product(
        ({}, {"subject": "회원-42"}, {"subject": "회원-단골"}),
        ({}, {"outcome": "reject"}, {"outcome": "none"}),
        ({}, {"since": MIDDLE}),
        ({}, {"before": first_id(MIDDLE + timedelta(days=9))}),
    )
]


def is_asked(scope: str, filters: dict[str, Any]) -> bool:
    """An outcome alone is refused before it gets here."""
    return "outcome" not in filters or "subject" in filters or scope not in ("everything",)


def test_every_query_walks_an_index(full: Store) -> None:
    asked = [(SCOPES[scope], filters) for scope in SCOPES for filters in FILTERS if is_asked(scope, filters)]
    assert len(asked) > 100
    bad: list[str] = []
    for use_cases, filters in asked:
        page = partial(full.listing.page, "local", use_cases, 50, **filters)
        bad += [line for one in statements(full.database, page) for line in objections(full.database, one)]
    assert not bad, f"{len(bad)} plans:\n" + "\n\n".join(bad[:3])


def test_the_labels_of_decisions_are_found_by_an_index(full: Store) -> None:
    label_all(full.database)
    ids = [row["id"] for row in full.listing.page("local", None, 3)]
    label = {"outcome": "reject", "who": "김민지", "reason": None, "client": "c", "created_at": BEGIN}
    new = [{"id": str(uuid7()), "decision_id": decision_id, **label} for decision_id in ids]

    def work() -> None:
        assert [row["id"] for row in full.labels.of(ids[0])] == ids[:1]
        assert full.labels.about(ids).keys() == set(ids)
        assert full.labels.add(new[0])
        assert full.labels.add_new(new) == 0  # they are there

    asked = [one for one in statements(full.database, work) if "FROM" in one.sql]
    assert len(asked) == 5
    bad = [line for one in asked for line in objections(full.database, one)]
    assert not bad, "\n\n".join(bad)


def test_the_newest_versions_of_models_are_found_by_an_index(full: Store) -> None:
    seen = {"capability": "text", "provider": "local", "asked": "", "model": "m", "version": "1", "previous": None}
    rows = [
        {**seen, "number": number, "seen_at": BEGIN + timedelta(minutes=number), "decision_id": str(uuid7())}
        for number in range(1, 5001)
    ]
    with full.database.begin() as connection:
        connection.execute(insert(model_versions), rows)
        connection.exec_driver_sql("ANALYZE model_versions")
    (asked,) = [one for one in statements(full.database, full.versions) if "model_versions" in one.sql]
    assert not list(objections(full.database, asked))
    assert [row["number"] for row in full.versions(3)] == [4998, 4999, 5000]


def test_pages_are_what_a_plain_look_at_all_rows_finds(full: Store) -> None:
    """Page after page, against every row of the table, filtered here."""
    with full.database.read() as connection:
        every = connection.execute(select(decisions).order_by(decisions.c.id.desc())).mappings().all()
    filters: dict[str, Any]
    for filters in ({"subject": "회원-42"}, {"since": BEGIN + timedelta(days=DAYS - 2)}):
        recent = [row for row in every if row["created_at"] >= filters.get("since", BEGIN)]
        shown = [row for row in recent if row["status"] != "forgotten" and row["stage"] == "local"]
        for use_cases in SCOPES.values():
            wanted = [row["id"] for row in shown if use_cases is None or row["use_case"] in use_cases]
            if "subject" in filters:
                of_subject = {row["id"] for row in shown if row["subject"] == filters["subject"]}
                wanted = [decision_id for decision_id in wanted if decision_id in of_subject]
            found: list[str] = []
            while page := full.listing.page("local", use_cases, 10, before=found[-1] if found else None, **filters):
                found += [row["id"] for row in page]
            assert found == wanted
            assert found or use_cases in (["none"], ["rare_check"])
