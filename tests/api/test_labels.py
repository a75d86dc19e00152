"""Labels: what people say the right outcome was. Several may, and nothing is overwritten."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from api_client import InProcess, MakeApi, OverSocket, Reply
from test_api_keys import KEYS, configured
from test_listing import NOWHERE, change, refund

from chalicelib.labels import LabelRequest, label_row

LABEL = {"outcome": "review", "who": "김민지", "reason": "영수증이 없다"}


@pytest.fixture
def stored(make_api: MakeApi, database_url: str) -> InProcess:
    return make_api(url=database_url)


def send(api: InProcess | OverSocket, decision_id: str, label: Any = LABEL) -> Reply:
    body = label if isinstance(label, (str, bytes)) else json.dumps(label)
    return api.post(f"/v1/decisions/{decision_id}/labels", body)


def labels(api: InProcess | OverSocket, decision_id: str) -> list[dict[str, Any]]:
    reply = api.get(f"/v1/decisions/{decision_id}/labels")
    assert reply.status == 200, reply.content
    found: list[dict[str, Any]] = reply.json["labels"]
    return found


def test_a_label_is_stored_answered_and_listed(api: InProcess) -> None:
    made = refund(api)
    assert labels(api, made) == []
    before = datetime.now(UTC)
    reply = send(api, made)
    assert reply.status == 201
    label = reply.json
    assert {**label, "id": None, "created_at": None} == {
        **LABEL,
        "id": None,
        "decision_id": made,
        "client": "local",
        "created_at": None,
    }
    assert UUID(label["id"]).version == 7
    assert before <= datetime.fromisoformat(label["created_at"]) <= datetime.now(UTC)
    assert labels(api, made) == [label]


def test_several_people_and_one_several_times_label_and_nothing_is_overwritten(stored: InProcess) -> None:
    made, other = refund(stored), refund(stored)
    sent = [LABEL, LABEL, {**LABEL, "outcome": "pay"}, {"outcome": "pay", "who": "이서준"}]
    answers = [send(stored, made, label).json for label in sent]
    assert labels(stored, made) == answers
    assert len({label["id"] for label in answers}) == 4
    assert [label["reason"] for label in answers] == [LABEL["reason"]] * 3 + [None]
    assert labels(stored, other) == []


def test_labels_that_come_at_once_are_all_stored(stored: InProcess) -> None:
    made = refund(stored)
    store = stored.service.store()
    wanted = LabelRequest(outcome="pay", who="박하은")
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: store.labels.add(label_row(made, wanted, "c")), range(40)))
    assert len(labels(stored, made)) == 40


def test_a_failed_decision_may_be_labelled(api: InProcess) -> None:
    failed = api.decide("trouble", {"user_id": "u-1", "mode": "logic-raises"}).json["decision_id"]
    assert send(api, failed, {"outcome": "nobody", "who": "김민지"}).status == 422
    assert send(api, failed, {"outcome": "fine", "who": "김민지"}).status == 201


REFUSED = {
    "no outcome": ({"who": "김"}, "/", "'outcome' is missing"),
    "no who": ({"outcome": "pay"}, "/", "'who' is missing"),
    "an unknown field": ({**LABEL, "weight": 2}, "/weight", "no such field"),
    "another outcome": ({**LABEL, "outcome": "reject"}, "/outcome", "refund_check; there are: pay, review"),
    "an outcome in capitals": ({**LABEL, "outcome": "PAY"}, "/outcome", "there are: pay, review"),
    "an empty outcome": ({**LABEL, "outcome": ""}, "/outcome", "at least 1 character"),
    "a blank who": ({**LABEL, "who": " \t"}, "/who", "at least 1 character"),
    "a long who": ({**LABEL, "who": "가" * 201}, "/who", "at most 200 characters"),
    "a long reason": ({**LABEL, "reason": "가" * 2001}, "/reason", "at most 2000 characters"),
    "a number": ({**LABEL, "who": 7}, "/who", "valid string"),
    "a NUL": ({**LABEL, "reason": "a\0b"}, "/reason", "NUL"),
    "a lone surrogate": ('{"outcome":"pay","who":"\\ud800"}', "/who", "surrogate"),
    "a list": ([LABEL], "/", "object"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_label_is_refused(api: InProcess, case: str) -> None:
    label, pointer, said = REFUSED[case]
    made = refund(api)
    (problem,) = send(api, made, label).problem(422, "invalid-request")["errors"]
    assert (problem["pointer"] or "/") == pointer
    assert said in problem["detail"]
    assert labels(api, made) == []


@pytest.mark.parametrize("body", ["", "{", "pay", b"\xff"])
def test_what_is_no_json_is_refused(api: InProcess, body: str | bytes) -> None:
    assert send(api, refund(api), body).problem(400, "malformed-body")


def test_the_longest_label_is_taken_and_space_around_it_is_not(api: InProcess) -> None:
    made = refund(api)
    answer = send(api, made, {"outcome": " pay\n", "who": f" {'가' * 200} ", "reason": "나" * 2000}).json
    assert (answer["outcome"], answer["who"], answer["reason"]) == ("pay", "가" * 200, "나" * 2000)
    assert send(api, made, {**LABEL, "reason": "  "}).json["reason"] is None


def test_a_use_case_without_outcome_says_so(api: InProcess) -> None:
    made = api.decide("other-names", {"userId": "u-1"}).json["id"]
    (problem,) = send(api, made).problem(422, "invalid-request")["errors"]
    assert "other_names have no outcome" in problem["detail"]


def test_the_decisions_own_outcome_is_always_one(api: InProcess) -> None:
    """Of a contract that is no longer served, or a use case that was withdrawn."""
    made = refund(api)
    change(api, made, outcome="refund_at_once")
    assert send(api, made, {**LABEL, "outcome": "refund_at_once"}).status == 201
    (problem,) = send(api, made, {**LABEL, "outcome": "reject"}).problem(422, "invalid-request")["errors"]
    assert "there are: pay, review, refund_at_once" in problem["detail"]
    change(api, made, use_case="old_check")
    assert send(api, made, {**LABEL, "outcome": "refund_at_once"}).status == 201


def test_only_who_may_read_a_decision_may_label_it(make_api: MakeApi) -> None:
    keyed = make_api({"ARTEMIS_API_KEYS": configured(KEYS)})
    shop, photos, admin = (replace(keyed, headers={"Authorization": f"Bearer {key}"}) for key in KEYS.values())
    made = refund(shop)
    for path in (made, NOWHERE, NOWHERE.upper(), "nothing"):
        send(photos, path).problem(404, "not-found")
        photos.get(f"/v1/decisions/{path}/labels").problem(404, "not-found")
    assert send(admin, made).json["client"] == "admin"
    assert send(shop, made).json["client"] == "shop"
    assert [label["client"] for label in labels(shop, made)] == ["admin", "shop"]


def test_a_forgotten_decision_is_not_labelled(stored: InProcess) -> None:
    made = refund(stored)
    send(stored, made)
    change(stored, made, status="forgotten", request="{}", decision=None)
    send(stored, made).problem(410, "forgotten")
    stored.get(f"/v1/decisions/{made}/labels").problem(410, "forgotten")
    late = label_row(made, LabelRequest(outcome="pay", who="김민지"), "c")
    assert not stored.service.store().labels.add(late)  # it was forgotten after it had been looked at
    assert len(stored.service.store().labels.of(made)) == 1


def test_labels_over_the_wire(wire: OverSocket) -> None:
    made = refund(wire)
    label = send(wire, made)
    assert label.status == 201
    assert labels(wire, made) == [label.json]
