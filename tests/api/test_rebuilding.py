"""On the local stage a running service follows the build: change a threshold, build, see the decision change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from api_client import InProcess, MakeApi, OverSocket
from api_notebooks import REFUND, make_project, write_notebook
from api_server import copy_runtime, serving

from workbench.build import build
from workbench.project import Project

REQUEST = {"user_id": "u-1", "amount": 75.0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    copy_runtime(folder)
    make_project(folder, {"local": ""}, {"refund_check": REFUND})
    return folder


@pytest.fixture
def own_wire(root: Path, tmp_path: Path) -> Iterator[OverSocket]:
    with serving(root, tmp_path, tmp_path / "decisions.db") as server:
        client = OverSocket(server.url, tmp_path / "decisions.db")
        yield client
        client.http.close()


def rebuild(root: Path, limit: str) -> None:
    cells = [(tag, source.replace("= 100.0", f"= {limit}")) for tag, source in REFUND]
    write_notebook(root / "usecases" / "refund_check.ipynb", cells)
    build(Project(root))


def test_a_new_threshold_decides_the_next_request(own_wire: OverSocket, root: Path) -> None:
    before = own_wire.decide("refund-check", REQUEST)
    assert before.json["decision"]["outcome"] == "pay"
    rebuild(root, "50.0")
    after = own_wire.decide("refund-check", REQUEST)
    assert after.json["decision"]["outcome"] == "review"
    assert after.json["version"] != before.json["version"]
    assert own_wire.get(before.headers["location"]).content == before.content
    trace = own_wire.get(before.headers["location"] + "?include=trace").json["trace"]
    assert trace["logic"] == "another version is loaded"


def test_a_broken_notebook_leaves_the_last_good_build_in_service(own_wire: OverSocket, root: Path) -> None:
    version = own_wire.decide("refund-check", REQUEST).json["version"]
    rebuild(root, "not_a_name")
    assert own_wire.decide("refund-check", REQUEST).json["version"] == version


def test_a_damaged_build_is_told_every_time_and_healed_by_the_next(own_wire: OverSocket, root: Path) -> None:
    """Not once, with silence and the old logic from then on."""
    assert own_wire.decide("refund-check", REQUEST).status == 200
    manifest = root / "chalicelib" / "usecases" / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_text("{")
    assert [own_wire.decide("refund-check", REQUEST).status for _ in range(3)] == [503, 503, 503]
    manifest.write_bytes(good)
    assert own_wire.decide("refund-check", REQUEST).status == 200


def test_a_trace_of_another_version_shows_facts_and_recomputes_nothing(api: InProcess, make_api: MakeApi) -> None:
    """What other parameters would have given is not what was decided."""
    made = api.decide("refund-check", REQUEST)
    other = make_api()
    other.service.settings = replace(other.service.settings, parameters={"refund_check": {"limit": 50.0}})
    assert other.decide("refund-check", REQUEST).json["version"] != made.json["version"]
    envelope = other.get(made.headers["location"], {"include": ["trace"]}).json
    trace = envelope.pop("trace")
    assert envelope == made.json
    assert trace["logic"] == "another version is loaded"
    assert {step["step"]: step["result"] for step in trace["steps"]} == {
        "item_count": 0,
        "profile": {"user": "u-1", "words": ""},
    }
    assert "parameters" not in trace


def test_the_first_requests_may_all_come_at_once(own_wire: OverSocket) -> None:
    """One import, one schema, and every answer belongs to its request."""

    def ask(number: int) -> bool:
        reply = own_wire.decide("refund-check", {**REQUEST, "note": f"note {number}"})
        return bool(reply.status == 200 and json.loads(reply.content)["decision"]["words"] == f"note {number}")

    with ThreadPoolExecutor(16) as clients:
        assert list(clients.map(ask, range(64))) == [True] * 64
    assert own_wire.rows() == (64, 128)
