"""GET /v1/decisions: pages of decisions, newest first, of what the client may read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from api_client import InProcess, MakeApi, OverSocket, Reply
from sqlalchemy import update
from test_api_keys import KEYS, MAY, configured

from chalicelib.service import LOCAL_CLIENT
from chalicelib.store.tables import decisions

NOWHERE = "01a20901-1225-7b1d-a4ef-1cbad7369f76"
SUBJECT = "회원 가+나&다=%?"  # every character that a query means something by


@pytest.fixture
def stored(make_api: MakeApi, database_url: str) -> InProcess:
    """The small use cases on each kind of database."""
    return make_api(url=database_url)


def refund(api: InProcess | OverSocket, amount: float = 1.0, user: str = SUBJECT) -> str:
    reply = api.decide("refund-check", {"user_id": user, "amount": amount})
    assert reply.status == 200
    return str(reply.json["id"])


def listed(api: InProcess, **query: str) -> Reply:
    return api.get("/v1/decisions", {name: [value] for name, value in query.items()} or None)


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.content
    return [one["id"] for one in reply.json["decisions"]]


def change(api: InProcess, decision_id: str, **values: Any) -> None:
    with api.service.store().database.begin() as connection:
        connection.execute(update(decisions).where(decisions.c.id == decision_id).values(**values))


def test_without_decisions_the_list_is_empty(api: InProcess) -> None:
    assert listed(api).json == {"decisions": [], "next": None}
    assert listed(api, use_case="refund-check").json == {"decisions": [], "next": None}


def test_the_list_holds_the_envelopes_newest_first(api: InProcess) -> None:
    made = [refund(api, amount) for amount in (1.0, 500.0, 2.0)]
    reply = listed(api)
    assert ids(reply) == made[::-1]
    assert reply.json["decisions"] == [api.get(f"/v1/decisions/{one}").json for one in made[::-1]]
    assert reply.headers["content-type"] == "application/json"


def test_pages_follow_each_other_without_a_gap_while_new_decisions_come(api: InProcess) -> None:
    made = [refund(api) for _ in range(7)]
    found: list[str] = []
    query = {"limit": "3"}
    sizes = []
    while True:
        reply = listed(api, **query)
        refund(api)  # it is newer than the first page
        found += ids(reply)
        sizes.append(len(ids(reply)))
        if reply.json["next"] is None:
            break
        query["cursor"] = reply.json["next"]
    assert found == made[::-1]
    assert sizes == [3, 3, 1]


def test_a_last_page_that_is_full_has_no_next(api: InProcess) -> None:
    for _ in range(3):
        refund(api)
    assert listed(api, limit="3").json["next"] is None
    assert listed(api, limit="2").json["next"] is not None


def test_every_filter_and_all_together(stored: InProcess) -> None:
    small, large = refund(stored, 1.0), refund(stored, 500.0)
    other = refund(stored, 500.0, "u-2")
    assert ids(listed(stored, use_case="refund-check")) == [other, large, small]
    assert ids(listed(stored, use_case="refund_check", outcome="review")) == [other, large]
    assert ids(listed(stored, subject=SUBJECT)) == [large, small]
    assert ids(listed(stored, subject=SUBJECT, outcome="pay")) == [small]
    assert ids(listed(stored, subject="u-2", outcome="pay")) == []
    assert ids(listed(stored, subject=SUBJECT, use_case="photo-probe")) == []
    together = {"use_case": "refund_check", "subject": SUBJECT, "outcome": "review", "since": "1h", "limit": "1"}
    assert ids(listed(stored, **together)) == [large]
    assert ids(listed(stored, **together, cursor=other)) == [large]
    assert ids(listed(stored, **together, cursor=large)) == []


@pytest.mark.parametrize(
    "since", ["12h", "3600s", "{day}", "{moment:%Y-%m-%dT%H:%M:%SZ}", "{moment:%Y-%m-%d %H:%M+00:00}"]
)
def test_since_is_an_age_a_day_or_a_time_with_its_zone(api: InProcess, since: str) -> None:
    made = refund(api)
    moment = datetime.now(UTC) - timedelta(minutes=2)
    assert made in ids(listed(api, since=since.format(day=moment.date(), moment=moment)))


def test_a_decision_is_found_since_its_own_time(stored: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id is no older than its time, however long one is made after the other."""

    class Slow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            sleep(0.003)
            return datetime.now(tz)

    monkeypatch.setattr("chalicelib.service.datetime", Slow)
    made = refund(stored)
    moment = stored.get(f"/v1/decisions/{made}").json["created_at"]
    assert ids(listed(stored, since=moment)) == [made]


def test_what_was_decided_before_since_is_left_out(stored: InProcess) -> None:
    """By its time, also where its id was made later: a keyed request that was sent again."""
    old, new = refund(stored), refund(stored)
    change(stored, old, created_at=datetime.now(UTC) - timedelta(hours=3))
    assert ids(listed(stored, since="2h")) == [new]
    assert ids(listed(stored, since="0s")) == []
    later = datetime.now(UTC) + timedelta(days=1)
    assert ids(listed(stored, since=later.date().isoformat())) == []
    seoul = (datetime.now(UTC) + timedelta(hours=9) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert ids(listed(stored, since=f"{seoul}+09:00")) == [new]
    assert ids(listed(stored, since=f"{seoul} 09:00")) == [new]  # a + that was not escaped


def test_failed_decisions_are_listed_and_forgotten_ones_and_other_stages_are_not(stored: InProcess) -> None:
    failed = stored.decide("trouble", {"user_id": "u-1", "mode": "logic-raises"}).json["decision_id"]
    decided, forgotten, elsewhere = (refund(stored, user="u-1") for _ in range(3))
    change(stored, forgotten, status="forgotten", request="{}", decision=None)
    change(stored, elsewhere, stage="staging")
    assert ids(listed(stored)) == [decided, failed]
    assert ids(listed(stored, use_case="refund-check")) == [decided]
    assert listed(stored, use_case="trouble").json["decisions"][0]["status"] == "failed"


def test_a_forgotten_decision_is_gone(api: InProcess) -> None:
    made = refund(api)
    change(api, made, status="forgotten", request="{}", decision=None)
    for query in (None, {"include": ["trace"]}):
        told = api.get(f"/v1/decisions/{made}", query).problem(410, "forgotten")
        assert made in told["detail"]


PROBLEMS = {
    "an unknown name": ({"use_cases": ["x"]}, ["'use_cases' is no parameter", "use_case, subject, outcome, since"]),
    "a name twice": ({"subject": ["a", "b"]}, ["subject is given 2 times"]),
    "an empty value": ({"subject": [""]}, ["subject is empty"]),
    "an empty use case": ({"use_case": [""]}, ["use_case is empty"]),
    "an outcome alone": ({"outcome": ["pay"]}, ["outcome needs use_case or subject"]),
    "an age without unit": ({"since": ["30"]}, ["since: '30' is neither an age"]),
    "a word": ({"since": ["yesterday"]}, ["since: 'yesterday' is neither an age"]),
    "before all time": ({"since": ["999999d"]}, ["since: '999999d' is before all time"]),
    "no such day": ({"since": ["2026-02-30"]}, ["since: '2026-02-30' is no time that there is"]),
    "a time without zone": ({"since": ["2026-11-01T09:00:00"]}, ["has no zone", "%2B09:00"]),
    "a week": ({"since": ["2026-W01"]}, ["since: '2026-W01' is no time"]),
    "year 1 east": ({"since": ["0001-01-01T00:00:00+09:00"]}, ["is no time that there is"]),
    "no cursor of ours": ({"cursor": ["2"]}, ["cursor", "`next`"]),
    "a cursor in capitals": ({"cursor": [NOWHERE.upper()]}, ["cursor"]),
    "no limit": ({"limit": ["0"]}, ["limit: '0' is no whole number from 1 to 200"]),
    "above the limit": ({"limit": ["201"]}, ["limit: '201'"]),
    "a negative limit": ({"limit": ["-1"]}, ["limit: '-1'"]),
    "a limit in Arabic digits": ({"limit": ["٣"]}, ["limit"]),
    "a NUL": ({"subject": ["a\0b"]}, ["subject is not a text"]),
    "a lone surrogate": ({"subject": ["a\ud800"]}, ["subject is not a text"]),
    "a long subject": ({"subject": ["가" * 201]}, ["subject is not a text of at most 200"]),
    "a long name": ({"가" * 5000: ["x"]}, ["is no parameter"]),
    "all at once": ({"limit": ["x"], "since": ["x"], "q": ["1"]}, ["limit: 'x'", "since: 'x'", "'q' is no parameter"]),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_makes_no_sense_is_refused_by_name(api: InProcess, case: str) -> None:
    query, said = PROBLEMS[case]
    problem = api.get("/v1/decisions", query).problem(422, "invalid-request")
    told = "\n".join(one["detail"] for one in problem["errors"])
    assert [part for part in said if part not in told] == []
    assert len(told) < 1000


def client(api: InProcess, name: str) -> InProcess:
    return replace(api, headers={"Authorization": f"Bearer {KEYS[name]}"})


@pytest.fixture
def keyed(make_api: MakeApi) -> InProcess:
    assert MAY["shop"] == ["refund-check", "trouble"]
    return make_api({"ARTEMIS_API_KEYS": configured(KEYS)})


def test_a_client_lists_what_it_may_read(keyed: InProcess) -> None:
    shop, photos, admin = (client(keyed, name) for name in KEYS)
    made = []
    for number in range(4):  # by turns, so that the use cases' pages are merged
        made.append(refund(shop, user="u-1"))
        made.append(shop.decide("trouble", {"user_id": f"u-{number}", "mode": "ok"}).json["id"])
    assert ids(listed(shop)) == ids(listed(admin)) == made[::-1]
    assert ids(listed(shop, limit="3")) == made[:-4:-1]
    assert ids(listed(shop, limit="3", cursor=made[-3])) == made[-4:-7:-1]
    assert ids(listed(shop, subject="u-1")) == ids(listed(admin, subject="u-1"))
    assert ids(listed(photos)) == ids(listed(photos, subject="u-1")) == []
    assert ids(listed(admin, use_case="trouble")) == made[::-2]


def test_a_use_case_that_is_not_the_clients_is_not_there(keyed: InProcess) -> None:
    refund(client(keyed, "shop"))
    strange = listed(client(keyed, "photos"), use_case="refund-check").problem(404, "not-found")
    nowhere = listed(client(keyed, "photos"), use_case="refund-chick").problem(404, "not-found")
    assert strange["detail"].replace("refund_check", "") == nowhere["detail"].replace("refund_chick", "")
    listed(client(keyed, "admin"), use_case="refund-chick").problem(404, "not-found")


def test_decisions_of_a_use_case_that_was_withdrawn_are_still_found(api: InProcess) -> None:
    made = refund(api)
    change(api, made, use_case="old_check")
    found = json.loads(api.service.list_decisions(LOCAL_CLIENT, {"use_case": ["old-check"]}))
    assert [one["id"] for one in found["decisions"]] == [made]


def test_a_korean_subject_is_found_over_the_wire(wire: OverSocket) -> None:
    """Percent-encoded as UTF-8, by %20 and by +; and as bytes that were not encoded at all."""
    made = refund(wire)
    for query in (urlencode({"subject": SUBJECT}), f"subject={quote(SUBJECT, safe='')}"):
        assert ids(wire.get(f"/v1/decisions?{query}")) == [made]
    assert ids(wire.get(f"/v1/decisions?since=1h&subject={quote('다른 회원')}")) == []
    wire.get("/v1/decisions?subject=").problem(422, "invalid-request")
    wire.get("/v1/decisions?limit=1&limit=2").problem(422, "invalid-request")
    raw = json.loads(wire.http.get("/v1/decisions?limit=1").text)
    assert raw.keys() == {"decisions", "next"}
