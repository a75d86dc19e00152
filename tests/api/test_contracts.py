"""Two contracts of one use case served beside each other, and the typed client that asks for both."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import Contract, OverSocket
from api_notebooks import OTHER_NAMES, REFUND, make_project, write_notebook
from api_server import copy_runtime, environment, serving
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from workbench.build import build
from workbench.contract.client import CannotWrite, write_client
from workbench.contract.freeze import freeze
from workbench.project import Project

OLD = {"user_id": "u-1", "amount": 75.0}
NEW = {**OLD, "currency": "KRW"}
V1, V2 = "/v1/use-cases/refund-check/decisions", "/v2/use-cases/refund-check/decisions"


def raise_contract(root: Path, contract: int = 2) -> None:
    """The next contract asks for a currency, and may answer 보류."""
    path = root / "usecases" / "refund_check.ipynb"
    asked = [(tag, text.replace("amount: float\n", "amount: float\n    currency: str\n", 1)) for tag, text in REFUND]
    write_notebook(path, [(tag, text.replace('["pay", "review"]', '["pay", "review", "보류"]')) for tag, text in asked])
    content = json.loads(path.read_text("utf-8"))
    content["metadata"]["artemis"] = {"contract": contract}
    path.write_text(json.dumps(content), "utf-8")
    report = build(Project(root))
    assert not report.failed, report.problems


def make(root: Path, **notebooks: Any) -> Path:
    root.mkdir()
    copy_runtime(root)
    stage = "use_cases:\n  refund_check:\n    parameters: {limit: 50.0}\n"
    make_project(root, {"local": stage}, {"refund_check": REFUND, **notebooks})
    return root


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contract 1 frozen, contract 2 in the notebook."""
    root = make(tmp_path_factory.mktemp("both") / "project", other_names=OTHER_NAMES)
    assert freeze(Project(root), "refund_check") == 1
    raise_contract(root)
    return root


@pytest.fixture(scope="module")
def wire(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverSocket]:
    folder = tmp_path_factory.mktemp("server")
    with serving(both, folder, folder / "decisions.db") as server:
        client = OverSocket(server.url, folder / "decisions.db")
        yield client
        client.http.close()


def ask(wire: OverSocket, path: str, request: Any) -> Any:
    return wire.post(path, json.dumps(request, ensure_ascii=False).encode())


def test_each_route_has_its_own_contract_and_its_own_version(wire: OverSocket) -> None:
    first, second = ask(wire, V1, OLD), ask(wire, V2, NEW)
    assert (first.status, second.status) == (200, 200)
    assert first.json["use_case"] == second.json["use_case"] == "refund_check"
    assert first.json["version"] != second.json["version"]
    (error,) = ask(wire, V2, OLD).problem(422, "invalid-request")["errors"]
    assert error["detail"] == "the field 'currency' is missing"
    ask(wire, V1, NEW).problem(422, "invalid-request")


def test_decisions_of_both_are_found_and_traced_in_one_place(wire: OverSocket) -> None:
    for path, request in ((V1, OLD), (V2, NEW)):
        made = ask(wire, path, request)
        assert made.headers["location"].startswith("/v1/decisions/")
        assert wire.get(made.headers["location"]).json == made.json
        trace = wire.get(made.headers["location"] + "?include=trace").json["trace"]
        assert trace["logic"] == "recomputed"
        assert trace["parameters"] == {"limit": 50.0}
        assert trace["request"] == {**trace["request"], **request}


def test_the_published_document_has_both(wire: OverSocket) -> None:
    contract = wire.get("/openapi.json").json
    assert [error.message for error in OpenAPIV31SpecValidator(contract).iter_errors()] == []
    first, second = contract["paths"][V1]["post"], contract["paths"][V2]["post"]
    assert first["operationId"] != second["operationId"]
    schemas = contract["components"]["schemas"]
    assert "currency" not in schemas["RefundCheckRequest"]["properties"]
    assert "currency" in schemas["RefundCheck_V2Request"]["required"]
    listed = {entry["name"]: entry for entry in wire.get("/v1/use-cases").json["use_cases"]}
    assert (listed["refund_check"]["contract"], listed["refund_check"]["contracts"]) == (2, [1, 2])
    assert wire.get("/ready").status == 200


def test_a_contract_that_is_not_served_is_not_found_and_told_where_it_is_now(wire: OverSocket) -> None:
    problem = ask(wire, "/v2/use-cases/other-names/decisions", {}).problem(404, "not-found")
    assert problem["detail"].endswith("is not served; what is: /v1/use-cases/other-names/decisions")


def test_a_running_service_follows_a_raised_contract(tmp_path: Path) -> None:
    """On the local stage there is a route for the next contract before there is one."""
    root = make(tmp_path / "project")
    with serving(root, tmp_path, tmp_path / "decisions.db") as server:
        client = OverSocket(server.url, tmp_path / "decisions.db")
        assert ask(client, V1, OLD).status == 200
        ask(client, V2, NEW).problem(404, "not-found")
        raise_contract(root)
        client.contract = Contract(client.get("/openapi.json").json)
        problem = ask(client, V1, OLD).problem(404, "not-found")
        assert problem["detail"] == f"contract 1 of refund_check is not served; what is: {V2}"
        assert ask(client, V2, NEW).status == 200
        client.http.close()


def test_a_frozen_contract_outlives_its_notebook(tmp_path: Path) -> None:
    root = make(tmp_path / "project")
    freeze(Project(root), "refund_check")
    (root / "usecases" / "refund_check.ipynb").unlink()
    (root / "usecases" / "stages" / "local.yaml").write_text("deadline: 5\n")
    assert not build(Project(root)).failed
    with serving(root, tmp_path, tmp_path / "decisions.db") as server:
        client = OverSocket(server.url, tmp_path / "decisions.db")
        made = ask(client, V1, OLD)
        assert made.json["decision"]["outcome"] == "review"  # by the limit of the day it was frozen
        assert [entry["name"] for entry in client.get("/v1/use-cases").json["use_cases"]] == ["refund_check"]
        client.http.close()


CALLER = """
import json, sys
from artemis_client import AuthenticatedClient
from artemis_client.api.decisions import decide_refund_check, v2_decide_refund_check, get_decision
from artemis_client.models import Problem, RefundCheckRequest, RefundCheckV2Request

client = AuthenticatedClient(base_url=sys.argv[1], token="none", httpx_args={"trust_env": False})
first = decide_refund_check.sync(client=client, body=RefundCheckRequest(user_id="u-1", amount=75.0, note="환불"))
second = v2_decide_refund_check.sync(client=client, body=RefundCheckV2Request(user_id="u-1", amount=1, currency="원"))
again = get_decision.sync(first.id, client=client)
refused = decide_refund_check.sync(client=client, body=RefundCheckRequest(user_id="", amount=75.0))
assert isinstance(refused, Problem), refused
print(json.dumps({
    "outcomes": [first.decision.outcome.value, second.decision.outcome.value],
    "words": first.decision.words,
    "same": again.to_dict() == first.to_dict(),
    "refused": [refused.status, refused.errors[0].pointer],
}))
"""


def test_the_generated_client_decides_under_both_contracts(wire: OverSocket, both: Path, tmp_path: Path) -> None:
    contract = document(Manifest.read(Project(both).generated), LOCAL_CLIENT, samples=False)
    assert write_client(contract, tmp_path / "client") == ""  # the generator warns of nothing
    path = {"PYTHONPATH": str(tmp_path / "client")}
    ended = subprocess.run(
        [sys.executable, "-c", CALLER, wire.url], env=environment(**path), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "outcomes": ["review", "pay"],
        "words": "환불",
        "same": True,
        "refused": [422, "/user_id"],
    }


def test_a_client_is_written_over_a_client_and_over_nothing_else(both: Path, tmp_path: Path) -> None:
    contract = document(Manifest.read(Project(both).generated), LOCAL_CLIENT, samples=False)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    with pytest.raises(CannotWrite, match="holds something that is not a client"):
        write_client(contract, mine)
    with pytest.raises(CannotWrite, match="is a file"):
        write_client(contract, mine / "notes.txt")
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    for _ in range(2):
        assert write_client(contract, tmp_path / "client") == ""
