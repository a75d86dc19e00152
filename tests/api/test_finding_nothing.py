"""What is not there, not offered or not understood is a problem of its own kind."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import InProcess, MakeApi, OverSocket, make_event
from api_pictures import asking
from sqlalchemy import delete

from chalicelib.errors import NotFound
from chalicelib.store import Store
from chalicelib.store.tables import decisions

OK = {"user_id": "u-1", "amount": 1.0}
NOWHERE = "01a20901-1225-7b1d-a4ef-1cbad7369f76"

NO_USE_CASES = [
    "nobody",
    "refund",
    "refund-checks",
    "Refund-Check",
    "refund%2Dcheck%00",
    "..",
    "%2e%2e",
    "가나다",
    "a" * 3000,
]
NO_IDS = [
    NOWHERE,
    NOWHERE.upper(),
    NOWHERE.replace("-", ""),
    "{" + NOWHERE + "}",
    "urn:uuid:" + NOWHERE,
    NOWHERE + "%00",
    "1",
    "null",
    "%27%20OR%201=1--",
    "가나다",
    "%ff",
    "..",
    "a" * 3000,
]


@pytest.mark.parametrize("name", NO_USE_CASES, ids=lambda name: name[:12])
def test_a_use_case_that_is_not_there_is_not_found(api: InProcess, name: str) -> None:
    api.post(f"/v1/use-cases/{name}/decisions", "{}").problem(404, "not-found")
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("name", NO_IDS, ids=lambda name: name[:12])
@pytest.mark.parametrize("query", [None, {"include": ["trace"]}], ids=["plain", "trace"])
def test_a_decision_that_is_not_there_is_not_found(
    api: InProcess, name: str, query: dict[str, list[str]] | None
) -> None:
    assert api.decide("refund-check", OK).status == 200
    api.get(f"/v1/decisions/{name}", query).problem(404, "not-found")


@pytest.mark.parametrize(
    "query",
    [
        {"include": ["facts"]},
        {"include": [""]},
        {"include": ["TRACE"]},
        {"include": ["trace", "facts"]},
        {"includes": ["trace"]},
        {"include": ["trace"], "x": ["1"]},
        {"가": ["나"]},
        {"include": ["trace\0"]},
        {"\ud800": ["\ud800"]},
    ],
    ids=str,
)
def test_a_query_that_is_not_known_is_refused(api: InProcess, query: dict[str, list[str]]) -> None:
    made = api.decide("refund-check", OK)
    (error,) = api.get(made.headers["location"], query).problem(422, "invalid-request")["errors"]
    assert error["pointer"] == ""
    assert "include=trace" in error["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/use-cases/refund-check/decisions", "POST"),
        ("PUT", "/v1/use-cases/refund-check/decisions", "POST"),
        ("DELETE", f"/v1/decisions/{NOWHERE}", "GET"),
        ("POST", "/v1/use-cases", "GET"),
        ("POST", "/openapi.json", "GET"),
        ("PATCH", "/health", "GET"),
        ("BREW", "/docs", "GET"),
    ],
)
def test_a_method_that_is_not_offered_is_refused_with_those_that_are(
    api: InProcess, wire: OverSocket, method: str, path: str, allowed: str
) -> None:
    for client in (api, wire):
        reply = client.ask(method, path, "{}", {"Content-Type": "application/json"})
        reply.problem(405, "method-not-allowed")
        assert allowed in reply.headers["allow"].split(", ")


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "multipart/form-data", "image/jpeg", "json"])
def test_a_body_that_does_not_say_it_is_json_is_refused(api: InProcess, wire: OverSocket, media: str) -> None:
    before = wire.rows()
    for client in (api, wire):
        reply = client.post("/v1/use-cases/refund-check/decisions", "{}", **{"Content-Type": media})
        reply.problem(415, "unsupported-media-type")
    assert (api.rows(), wire.rows()) == ((0, 0), before)


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_a_body_that_says_it_is_json_in_any_way_is_read(api: InProcess, media: str) -> None:
    body = '{"user_id": "가", "amount": 1}'
    assert api.post("/v1/use-cases/refund-check/decisions", body, **{"Content-Type": media}).status == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/use-cases", "/v1/labels", "/favicon.ico", "/docs/../app.py", "/가"])
def test_a_path_that_is_not_there_is_not_found(wire: OverSocket, path: str) -> None:
    wire.get(path).problem(404, "not-found")
    wire.post(path, "{}").problem(404, "not-found")


@pytest.mark.parametrize("name", ["docs.html", "..", "../openapi.py", "%2e%2e%2fdocs.py", "swagger-ui.LICENSE"])
def test_only_the_files_of_the_page_are_served_below_docs(api: InProcess, name: str) -> None:
    if "/" in name:
        from chalicelib.http import docs

        with pytest.raises(NotFound):
            docs.asset(name)
        return
    api.get(f"/docs/{name}").problem(404, "not-found")


def test_a_missing_name_says_so_before_the_body_is_looked_at(api: InProcess) -> None:
    api.decide("nobody", asking({"base64": "not base64"})).problem(404, "not-found")


@pytest.mark.parametrize(
    "change",
    [{"body": "\ud800"}, {"body": "a", "isBase64Encoded": True}, {"body": "가", "isBase64Encoded": True}],
    ids=["half a character", "cut base64", "no base64"],
)
def test_a_body_that_the_gateway_mangled_is_a_malformed_body(api: InProcess, change: dict[str, object]) -> None:
    """An event is JSON and can hold what no HTTP body can; it is the request that is wrong then, not the service."""
    from unittest import mock

    from app import app
    from chalicelib import bootstrap

    event = make_event("POST", "/v1/use-cases/refund-check/decisions", "", {"Content-Type": "application/json"}, None)
    with mock.patch.object(bootstrap, "service", lambda: api.service):
        answer = app(event | change, None)
    assert answer["statusCode"] == 400
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("query", ["get", "results"])
def test_a_trace_is_whole_or_not_there_while_decisions_are_deleted(
    make_api: MakeApi, emptied_url: str, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Whichever of its two queries is the first, the decision goes after it; or else after the second."""
    api = make_api(url=emptied_url)
    made = api.decide("refund-check", OK).json["id"]
    whole = api.get(f"/v1/decisions/{made}", {"include": ["trace"]}).json
    read = getattr(Store, query)

    def read_and_delete(store: Store, decision_id: str) -> Any:
        found = read(store, decision_id)
        with store.database.begin() as connection:
            connection.execute(delete(decisions).where(decisions.c.id == decision_id))
        return found

    monkeypatch.setattr(Store, query, read_and_delete)
    reply = api.get(f"/v1/decisions/{made}", {"include": ["trace"]})
    assert reply.status == 404 or reply.json == whole
