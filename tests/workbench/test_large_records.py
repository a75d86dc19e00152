"""Large requests and facts through the service: stored small, shown whole, kept as a case, exported, remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib import bootstrap
from chalicelib.blobs import SIGN, Blobs, Place
from chalicelib.errors import Unavailable
from chalicelib.manifest import Manifest
from chalicelib.photo import PhotoPolicy
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import Settings, check_stage
from tests.emulators.s3 import S3
from tests.workbench.conftest import Sound, TemporaryProject

LISTS = """
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject
    names: list[str]

@task
def copied(names) -> list[str]:
    return [name[::-1] for name in names]

@task
def known(history) -> list[int]:
    return [len(past.result) for past in history.results("copied")]

def decide(copied, known) -> Decision:
    return Decision(outcome="review" if known else "approve")
"""
NAMES = [f"회원-{number:05d}" for number in range(4000)]


class World(NamedTuple):
    project: TemporaryProject
    service: Service
    url: str

    def decide(self, key: str | None = None, names: list[str] = NAMES) -> str:
        body = json.dumps({"user_id": "u-1", "names": names}, ensure_ascii=False)
        return self.service.decide(LOCAL_CLIENT, "lists", body, key=key).id

    def trace(self, decision_id: str) -> dict[str, Any]:
        return dict(json.loads(self.service.get(LOCAL_CLIENT, decision_id, with_trace=True))["trace"])

    def sizes(self, decision_id: str) -> int:
        row, results = self.service.store().get(decision_id), self.service.store().results(decision_id)
        return sum(len(value) for one in (row, *results) for value in one.values() if isinstance(value, str))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, sound: Sound, cell: Callable[..., dict[str, Any]]) -> Any:
    made = TemporaryProject(tmp_path_factory.mktemp("large") / "project")
    made.notebook("lists", [*sound()[:3], cell(LISTS, "export", name="lists")])
    made.stage("local", "providers: {}\n")
    made.build()
    return made


@pytest.fixture
def world(built: TemporaryProject, tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path}/large.db"
    service = bootstrap.build(Settings("local", url, photos=PhotoPolicy()), Manifest.read(built.generated))
    yield World(built, service, url)
    service.store().close()


def test_the_rows_are_small_and_the_trace_is_whole(world: World) -> None:
    made = world.decide()
    assert world.sizes(made) < 8_000
    trace = world.trace(made)
    assert trace["logic"] == "recomputed" and trace["request"]["names"] == NAMES
    (copied,) = [step for step in trace["steps"] if step["step"] == "copied"]
    assert copied["result"][7] == NAMES[7][::-1]


def test_a_later_decision_reads_a_large_fact_of_the_past(world: World) -> None:
    world.decide()
    (known,) = [step for step in world.trace(world.decide())["steps"] if step["step"] == "known"]
    assert known["result"] == [4000]


def test_a_keyed_request_is_answered_again_and_its_large_fact_is_whole(world: World) -> None:
    first = world.decide(key="a-key")
    assert world.decide(key="a-key") == first
    assert world.trace(first)["request"]["names"] == NAMES


def test_it_can_be_kept_as_a_case_and_exported(world: World) -> None:
    made = world.decide()
    done = world.project.artemis("case", "add", made, "--database", world.url)
    assert done.returncode == 0, done.stderr
    (line,) = (world.project.root / "usecases/cases/lists.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["request"]["names"] == NAMES
    exported = world.project.artemis("export", "lists", "--since", "1d", "--database", world.url)
    row = json.loads(exported.stdout)
    assert row["request"]["names"] == NAMES and len(row["facts"]["copied"]) == 4000


def test_what_lies_apart_and_is_gone_is_said_and_the_decision_itself_is_there(world: World, tmp_path: Path) -> None:
    made = world.decide()
    for path in (tmp_path / "large.db.objects").rglob("*.json"):
        path.unlink()
    with pytest.raises(Unavailable) as refused:
        world.trace(made)
    assert refused.value.code == "record-unavailable"
    assert json.loads(world.service.get(LOCAL_CLIENT, made))["decision"]["outcome"] == "approve"


def test_forgetting_and_purging_leave_no_object(world: World, tmp_path: Path) -> None:
    world.decide()
    done = world.project.artemis("forget", "u-1", "--yes", "--database", world.url)
    assert done.returncode == 0 and "large texts: 2 deleted" in done.stdout, done.stdout + done.stderr
    assert not [*(tmp_path / "large.db.objects").rglob("*.json")]


def test_a_stage_may_name_a_bucket(built: TemporaryProject, s3: S3, database_url: str) -> None:
    s3.put("records", "other", b"x")
    service = bootstrap.build(Settings("local", database_url, photos=PhotoPolicy()), Manifest.read(built.generated))
    service.blobs = Blobs(Place("records", "decisions/", 1000), s3=lambda: s3.objects)
    world = World(built, service, database_url)
    made = world.decide()
    assert world.trace(made)["request"]["names"] == NAMES
    row = service.store().get(made)
    assert (
        row["request"].startswith(f'{SIGN}{{"bytes":')
        and f"s3://records/decisions/{made}/request.json" in row["request"]
    )
    service.store().close()


def test_a_stage_files_objects_are_checked() -> None:
    assert check_stage({"objects": {"bucket": "my-records", "prefix": "a/", "above": 1000}}, ()) == []
    problems = check_stage({"objects": {"bucket": "No Bucket", "above": 0, "more": 1}}, ())
    assert len(problems) == 3 and all(problem.startswith("objects: ") for problem in problems)
    assert check_stage({"objects": "records"}, ())[0].startswith("objects: give a mapping")
