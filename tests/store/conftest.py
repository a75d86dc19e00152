"""A store on each kind of database, and an AWS account that is only emulated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.store import Store
from chalicelib.store.database import Database
from tests.emulators.aws import Aws


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def database(database_url: str, store: Store) -> Iterator[Database]:
    store.ping()
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def account() -> Iterator[Aws]:
    with Aws() as running:
        yield running


@pytest.fixture
def aws(account: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return account
