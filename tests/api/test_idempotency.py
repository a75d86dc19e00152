"""The same Idempotency-Key again: one decision, whatever the caller does."""

from __future__ import annotations

from api_client import InProcess

PATH = "/v1/use-cases/refund-check/decisions"
OK = '{"user_id": "회원-1", "amount": 1.0}'


def test_the_same_request_again_gets_the_stored_reply(api: InProcess) -> None:
    first = api.post(PATH, OK, **{"Idempotency-Key": "k-1"})
    again = api.post(PATH, OK, **{"idempotency-key": "k-1"})
    assert (first.status, again.status) == (200, 200), again.content
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert api.rows() == (1, 2)
