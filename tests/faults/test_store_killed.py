"""The process is killed at any instant: what was answered is there, once and whole; what was not can be asked again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_checks import asked_again, claims, rows, time_is_up, whole
from store_project import PATH, Shop

from chalicelib.manifest import Manifest
from tests.api.api_server import ROOT, environment

INSTANTS = {"sqlite": 200, "postgresql": 100}


class Mortal:
    """A service that is killed in each of its lives; see ``store_mortal``."""

    def __init__(self, manifest: Manifest, calls: Path) -> None:
        script = str(Path(__file__).with_name("store_mortal.py"))
        paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        self.process = subprocess.Popen(
            [sys.executable, script, str(manifest.folder), str(calls)],
            env=environment(PYTHONPATH=paths),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready\n"

    def live(self, **life: Any) -> list[Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(life) + "\n")
        self.process.stdin.flush()
        answered: list[Any] = json.loads(self._read())
        return answered

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def mortal(store_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    made = Mortal(store_manifest, tmp_path_factory.mktemp("mortal") / "calls")
    yield made
    made.close()


def test_killed_at_random_instants_under_load(
    mortal: Mortal,
    database_url: str,
    new_shop: Callable[..., Shop],
    record_property: Callable[[str, object], None],
) -> None:
    kind = database_url.partition(":")[0]
    chance, began = random.Random(5), time.perf_counter()
    new_shop(database_url).store.ping()  # the schema is there
    answered: dict[str, str] = {}
    keyed: dict[str, str] = {}
    for life in range(INSTANTS[kind]):
        said = mortal.live(url=database_url, mode="load", life=life, after=chance.uniform(0.001, 0.06))
        assert said, life
        answered |= {decision_id: user for user, _, decision_id in said}
        keyed |= {key: decision_id for _, key, decision_id in said if key}
    took = time.perf_counter() - began
    settle(database_url)
    found = whole(database_url)
    assert answered.items() <= found.items()
    check_keys(database_url, keyed, found)
    open_keys = [key for key, (state, _, _) in claims(database_url).items() if state != "done"]
    finish(new_shop(database_url), database_url, open_keys)
    record_property(
        "summary",
        f"{kind}: killed {INSTANTS[kind]} times in {took:.1f} s: {len(answered)} answers, {len(found)} decisions,"
        f" {len(open_keys)} keys left open",
    )


def finish(shop: Shop, url: str, open_keys: list[str]) -> None:
    """What was interrupted has another owner until its time is up; then it can be asked again."""
    assert open_keys
    body = json.dumps({"user_id": open_keys[-1]})
    shop.api.post(PATH, body, **{"Idempotency-Key": open_keys[-1]}).problem(409, "idempotency-key-in-progress")
    time_is_up(url)
    ended = {asked_again(shop, url, key, key) for key in open_keys}
    assert len(ended) == len(open_keys)
    check_keys(url, {}, whole(url))
    assert rows(url, "SELECT count(*) FROM claimed_facts")[0][0] == 0


@pytest.mark.parametrize("key", [None, "key"], ids=["plain", "keyed"])
def test_killed_at_every_statement_of_sqlite(
    mortal: Mortal, new_shop: Callable[..., Shop], tmp_path: Path, key: str | None
) -> None:
    url = f"sqlite:///{tmp_path}/decisions.db"
    shop = new_shop(url)
    shop.store.ping()
    life: dict[str, Any] = {"url": url, "mode": "once"}
    mortal.live(**life, user="u-0", key=key and "key-0", at=0)  # what is stored once is stored
    at, users = 0, ["u-0"]
    while not (answered := mortal.live(**life, user=f"u-{at + 1}", key=key and f"key-{at + 1}", at=at + 1)):
        at += 1
        assert sorted(whole(url).values()) == sorted(users)
        if key:
            time_is_up(url)
            asked_again(shop, url, f"u-{at}", f"key-{at}")
            users.append(f"u-{at}")
    assert at > 5
    assert [said[2] for said in answered] == [one for one, whose in whole(url).items() if whose == f"u-{at + 1}"]


def settle(url: str) -> None:
    """Wait until PostgreSQL has noticed that the clients are gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    while url.startswith("postgresql") and rows(url, query)[0][0] > 1:
        time.sleep(0.01)


def check_keys(url: str, keyed: dict[str, str], found: dict[str, str]) -> None:
    """Each key has one decision: that which was answered."""
    there = claims(url)
    for key, decision_id in keyed.items():
        assert there[key] == ("done", decision_id, 0)
    of_keys = [user for user in found.values() if user in there]
    assert len(of_keys) == len(set(of_keys))
