"""Several processes, and a Dask cluster: the same report; and what is said of a cluster that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from replayed import Replayed

from workbench.replaying import run, spread
from workbench.replaying.errors import CannotReplay

INCOMES = 1, 30, 100, 400, 1000


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers, each a process."""
    from distributed import LocalCluster

    made = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    yield made.scheduler_address
    made.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PART", 3)


def plain(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in ("since", "until")}


def test_processes_find_what_one_finds(replayed_on_each: Replayed, small_parts: None) -> None:
    ids = replayed_on_each.decide(*INCOMES * 4)
    replayed_on_each.label(ids[0], "deny", weight=2.0)
    alone = replayed_on_each.report("--set", "risk_deny=0.7")
    assert alone["flips"]["count"] == 4
    assert plain(replayed_on_each.report("--set", "risk_deny=0.7", "--workers", "2")) == plain(alone)


def test_a_cluster_finds_what_one_process_finds(replayed: Replayed, small_parts: None, cluster: str) -> None:
    replayed.decide(*INCOMES * 4)
    alone = replayed.report("--set", "risk_deny=0.7")
    assert plain(replayed.report("--set", "risk_deny=0.7", "--dask", cluster)) == plain(alone)


def test_a_cluster_that_is_not_there(replayed: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "SECONDS", 1)
    replayed.decide(*INCOMES)
    said = replayed.refused("--dask", "tcp://127.0.0.1:9")
    assert said.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: ")
    assert "no Dask scheduler answers at nonsense" in replayed.refused("--dask", "nonsense://x")


def test_a_cluster_without_workers(replayed: Replayed) -> None:
    from distributed import LocalCluster

    replayed.decide(*INCOMES)
    with LocalCluster(n_workers=0, dashboard_address=None) as made:
        assert "has no workers: start `dask worker" in replayed.refused("--dask", made.scheduler_address)


def test_a_password_is_not_sent_to_a_cluster(replayed: Replayed) -> None:
    from workbench.replaying.window import Window
    from workbench.replaying.work import Job

    window = Window("a", run.datetime.min, run.datetime.max)
    secret = Job("postgresql://me:secret@db/artemis", window, (), {})
    assert spread._without_password(secret).url is None
    plainly = Job("postgresql://me@db/artemis", window, (), {})
    assert spread._without_password(plainly).url == plainly.url


def test_a_worker_that_has_no_url_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.replaying.work import reader

    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    reader.cache_clear()
    with pytest.raises(CannotReplay, match="ARTEMIS_DATABASE_URL is not set where the workers run"):
        reader(None)
