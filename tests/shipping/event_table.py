"""Forty requests whose answers depend on nothing but the database and the stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

KEY = "a-key-for-tests"
JSON = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Accept": "*/*"}
NO_KEY = {"Content-Type": "application/json", "Accept": "*/*"}
REVIEW = "/v1/use-cases/profile-photo-review/decisions"
PORTRAIT = {"user_id": "회원-1", "photo": {"s3": "s3://member-photos/portrait.jpg"}}
NOBODY = "01a21a19-261f-7225-9efb-8a999bd8681b"


@dataclass(frozen=True)
class Request:
    """``makes``: it decides, and has to be asked first; afterwards its answer is the stored one."""

    method: str
    path: str
    status: int
    body: str | None = None
    headers: dict[str, str] | None = None  # type: ignore[assignment]  # the usual ones where there are none
    makes: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", JSON if self.headers is None else self.headers)


def keyed(name: str, body: Any, status: int = 200) -> Request:
    return Request(
        "POST", REVIEW, status, json.dumps(body, ensure_ascii=False), {**JSON, "Idempotency-Key": name}, True
    )


def table(decision_id: str | None) -> list[Request]:
    """All requests. ``decision_id``: of a decision that is there."""
    known = decision_id or NOBODY
    wrong = [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "{}",
        json.dumps({"user_id": "a"}),
        json.dumps({**PORTRAIT, "more": 1}),
        json.dumps({**PORTRAIT, "user_id": 7}),
        json.dumps({"user_id": "a", "photo": {"base64": "!"}}),
        json.dumps({"user_id": "a", "photo": {"base64": "aGVsbG8="}}),
        json.dumps({"user_id": "a", "photo": {"sample": "portrait.jpg"}}),
        json.dumps({"user_id": "a", "photo": {"s3": "s3://somebody-elses/a.jpg"}}),
        json.dumps({"user_id": "a", "photo": {}}),
        json.dumps({"user_id": "가나다", "photo": {"url": "https://example.com/사진.jpg"}}, ensure_ascii=False),
    ]
    return [
        keyed("one", PORTRAIT),
        keyed("two", {**PORTRAIT, "photo": {"s3": "s3://member-photos/landscape.jpg"}}),
        Request(
            "POST", REVIEW, 422, json.dumps({"user_id": "b", **PORTRAIT, "x": 1}), {**JSON, "Idempotency-Key": "one"}
        ),
        *[Request("POST", REVIEW, 400 if text in ("", "{") else 422, text) for text in wrong],
        Request("POST", REVIEW, 401, json.dumps(PORTRAIT), NO_KEY),
        Request("POST", REVIEW, 401, json.dumps(PORTRAIT), {**JSON, "Authorization": "Bearer another"}),
        Request("POST", REVIEW, 415, json.dumps(PORTRAIT), {**JSON, "Content-Type": "text/plain"}),
        Request("POST", "/v1/use-cases/no-such-case/decisions", 404, "{}"),
        Request("GET", REVIEW, 405),
        Request("DELETE", f"/v1/decisions/{known}", 405),
        Request("GET", f"/v1/decisions/{known}", 200),
        Request("GET", f"/v1/decisions/{known}?include=trace", 200),
        Request("GET", f"/v1/decisions/{known}?include=all", 422),
        Request("GET", f"/v1/decisions/{NOBODY}", 404),
        Request("GET", "/v1/decisions/not-an-id", 404),
        Request("GET", "/v1/decisions/%EA%B0%80", 404),
        Request("GET", "/v1/decisions?use_case=profile-photo-review", 200),
        Request("GET", "/v1/decisions?use_case=profile-photo-review&outcome=approve&limit=1", 200),
        Request("GET", "/v1/decisions?limit=many", 422),
        Request("GET", "/v1/decisions?unknown=1", 422),
        Request("GET", "/v1/decisions", 401, None, NO_KEY),
        Request("GET", f"/v1/decisions/{known}/labels", 200),
        Request("POST", f"/v1/decisions/{known}/labels", 422, '{"outcome": "perhaps"}'),
        Request("GET", "/v1/use-cases", 200),
        Request("GET", "/v1/models", 200),
        Request("GET", "/openapi.json", 200),
        Request("GET", "/docs/docs.js", 200),
        Request("GET", "/docs/nothing.js", 404),
        Request("GET", "/health", 200),
        Request("GET", "/ready", 200),
    ]
