"""The connection is cut before, and after, every single message or statement of a decision."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from store_checks import asked_again, whole
from store_project import PATH, Shop
from store_relay import PgRelay

from tests.api.api_client import Reply


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("warm", "key"),
    [(False, None), (True, None), (True, "key")],
    ids=["a new process", "a process that has decided", "keyed"],
)
def test_a_decision_is_whole_or_not_there_wherever_postgresql_is_cut(
    relay: PgRelay,
    database: str,
    new_shop: Callable[[str], Shop],
    record_property: Callable[[str, object], None],
    warm: bool,
    key: str | None,
    after: bool,
) -> None:
    shop = new_shop(relay.url)
    messages, unsaid = _messages(relay, shop, key, warm), 0
    for number in range(1, len(messages) + 1):
        if not warm:
            shop.close()
            shop = new_shop(relay.url)
        user, mine = f"회원-{number}", key and f"key-{number}"
        relay.cut_at(number, after)
        reply = _decide(shop, user, mine)
        relay.settle_cut()
        relay.count()
        stored = [decision_id for decision_id, whose in whole(database).items() if whose == user]
        if reply.status == 200:
            assert stored == [reply.json["id"]], (number, messages)
        else:
            reply.problem(503, "store-unavailable")
            unsaid += len(stored)  # cut before it could be said
        if mine:
            ended = asked_again(shop, database, user, mine)
            assert [one for one, whose in whole(database).items() if whose == user][-1:] == [ended]
        else:
            assert _decide(shop, user, None).status == 200
    shop.close()
    how = f"{len(messages)} messages, {unsaid} stored and not said"
    record_property("summary", f"cut {'after' if after else 'before'} each of {how}")


def _decide(shop: Shop, user: str, key: str | None) -> Reply:
    return shop.api.post(PATH, json.dumps({"user_id": user}), **({"Idempotency-Key": key} if key else {}))


def _messages(relay: PgRelay, shop: Shop, key: str | None, warm: bool) -> list[str]:
    """What the client says for one decision."""
    if warm:
        assert _decide(shop, "warm", key).status == 200
    relay.count()
    assert _decide(shop, "u-0", key and "key-0").status == 200
    return list(relay.messages)
