"""A use case whose four tasks are paid for, one after the other, by a provider that any process can count."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from sqlalchemy import delete, func, select, update

from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.errors import ProviderError
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Decided, Service
from chalicelib.settings import ApiKey, load
from chalicelib.store import Store
from chalicelib.store.claims import Claims
from chalicelib.store.tables import claimed_facts, decisions, idempotency, task_results

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = """\
from datetime import datetime
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject
    note: str = ""

class Decision(BaseModel):
    outcome: Literal["long", "short"]

@task(timeout=5)
def one(note: str, models) -> float:
    return models.embedding(["one " + note])[0][0]

@task(timeout=5)
def two(one, now: datetime, models) -> float:
    return models.embedding([f"two {now.isoformat()}"])[0][0]

@task(timeout=5)
def three(two, models) -> float:
    return models.embedding(["three"])[0][0]

@task(timeout=5)
def four(three, models) -> float:
    return models.embedding(["four"])[0][0]

def decide(one, four) -> Decision:
    return Decision(outcome="long" if one + four > 9 else "short")
"""
TASKS = ["one", "two", "three", "four"]
PAID = [("markdown", "# Paid\n\nFour answers."), ("export", CODE), ("parameters", "unused: int = 1")]
NOTEBOOKS = {"paid_check": PAID, "paid_twin": PAID}
REQUEST = {"user_id": "회원-1", "note": "하나"}
DIED = 7


class Counted:
    """A provider that appends what it is asked to a file, and cannot answer what ``failing`` names."""

    MANAGED = True

    def __init__(self, log: Path) -> None:
        self.log, self.failing = log, ""

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        (text,) = texts
        with self.log.open("a", encoding="utf-8") as log:
            log.write(text + "\n")
        if self.failing and text.startswith(self.failing):
            raise ProviderError("it cannot", code="refused")
        return Answer([[float(len(text))]], "lengths", "1")


@dataclass
class Shop:
    """A service on one database, as one process has it, and its provider."""

    service: Service
    store: Store
    provider: Counted

    def decide(self, key: str | None = "열쇠", use_case: str = "paid_check", client: ApiKey = LOCAL_CLIENT) -> Decided:
        return self.service.decide(client, use_case, json.dumps(REQUEST), key=key)

    def paid(self) -> Counter[str]:
        """Task -> how often its call was made, by whichever process."""
        lines = self.provider.log.read_text("utf-8").splitlines() if self.provider.log.exists() else []
        return Counter(line.split()[0] for line in lines)

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        tables = decisions, task_results, idempotency, claimed_facts
        with self.store.database.read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }

    def start_over(self) -> None:
        """Nothing has been asked."""
        self.provider.log.unlink(missing_ok=True)
        with self.store.database.begin() as connection:
            for table in (decisions, idempotency):  # and with them whatever belongs to them
                connection.execute(delete(table))

    def claim(self) -> dict[str, Any]:
        with self.store.database.read() as connection:
            return dict(connection.execute(select(idempotency)).mappings().one())

    def facts(self, decision_id: str) -> dict[str, dict[str, Any]]:
        """Task -> its row, the calls as data."""
        rows = self.store.results(decision_id)
        return {row["task"]: row | {"calls": json.loads(row["calls"])} for row in rows}

    def change_claim(self, **values: Any) -> None:
        with self.store.database.begin() as connection:
            connection.execute(update(idempotency).values(**values))

    def outlive_the_owner(self) -> None:
        """As if its deadline had passed."""
        self.change_claim(owned_until=datetime.now(UTC) - timedelta(seconds=1))


def make_shop(manifest: Manifest, url: str, log: Path, **stage: Any) -> Shop:
    """A new service on this database, as after a restart."""
    content = {"deadline": 10, "providers": {"embedding": "counted"}, **stage}
    loaded = load({"ARTEMIS_DATABASE_URL": url}, {"local": content}, manifest.use_cases)
    store, provider = Store(url), Counted(log)
    router = Router(loaded.routing, lambda _name, _settings: provider, lambda: store)
    service = Service(loaded, manifest, Engine(router.models), lambda: store, router.identity)
    return Shop(service, store, provider)


COMMITS = ("take", "keep", "ending")  # of Claims: each is one


@contextmanager
def at_each_commit(act: Any) -> Iterator[None]:
    """``act(name, number)`` before and after every commit of a keyed request; they are numbered from 1."""
    passed = 0

    def point(name: str) -> None:
        nonlocal passed
        passed += 1
        act(name, passed)

    def around(name: str, original: Any) -> Any:
        def method(*arguments: Any) -> Any:
            point(f"before {name}")
            try:
                return original(*arguments)
            finally:
                point(f"after {name}")

        return method

    @contextmanager
    def ending(*arguments: Any) -> Any:
        point("before ending")
        with original_ending(*arguments) as batch:
            yield batch
            point("within ending")
        point("after ending")

    original_ending = Claims.ending
    changed = {name: around(name, getattr(Claims, name)) for name in ("take", "keep")}
    with mock.patch.multiple(Claims, **changed, ending=ending):
        yield


def die_at(generated: Path, url: str, log: Path, number: int) -> None:
    """In a process of its own: a keyed request that is killed at a point, exit code DIED; 0 when it was answered."""
    shop = make_shop(Manifest.read(generated), url, log)
    with at_each_commit(lambda _name, passed: os._exit(DIED) if passed == number else None):
        shop.decide()
    os._exit(0)
