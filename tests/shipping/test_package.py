"""The package of a stage: what is in it, what is not, and that it runs under Lambda's own runtime client."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from event_table import JSON

from tests.lambdas import RuntimeApi, running
from workbench.deploying.function import gateway_event
from workbench.project import Project
from workbench.shipping import archive
from workbench.shipping.errors import CannotShip
from workbench.shipping.package import Packed, Plan, package
from workbench.shipping.trim import trim

ROOT = Path(__file__).parent.parent.parent


def event(
    method: str, path: str, body: Any = None, resource: str | None = None, names: dict[str, str] | None = None
) -> dict[str, Any]:
    """What API Gateway hands to Lambda."""
    return gateway_event(method, path, JSON, None if body is None else json.dumps(body), resource, names)


def decide(name: str, body: Any) -> dict[str, Any]:
    return event("POST", f"/v1/use-cases/{name}/decisions", body, "/v1/use-cases/{name}/decisions", {"name": name})


def logged(unzipped: Path) -> list[dict[str, Any]]:
    """What the function wrote to its log."""
    text = (unzipped.parent / "app.app.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_it_decides_under_the_runtimes_client_by_the_stages_providers(api: RuntimeApi, unzipped: Path) -> None:
    kind, answer = api.invoke(
        decide("profile-photo-review", {"user_id": "u-1", "photo": {"s3": "s3://member-photos/portrait.jpg"}})
    )

    envelope = json.loads(answer["body"])
    assert (kind, answer["statusCode"]) == ("response", 200), answer
    assert envelope["status"] == "decided" and envelope["degraded"] == []
    _, again = api.invoke(
        event(
            "GET",
            f"/v1/decisions/{envelope['id']}",
            None,
            "/v1/decisions/{decision_id}",
            {"decision_id": envelope["id"]},
        )
    )
    assert json.loads(again["body"]) == envelope
    (line,) = [line for line in logged(unzipped) if line.get("decision_id") == envelope["id"]]
    assert line["Decisions"] == 1 and line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Artemis"
    assert line["request_id"] == "r-1" and {call["provider"] for call in line["calls"]} == {
        "rekognition",
        "google_vision",
    }


@pytest.mark.parametrize(
    ("path", "status"), [("/health", 200), ("/ready", 200), ("/openapi.json", 200), ("/docs", 200)]
)
def test_other_routes_answer(api: RuntimeApi, path: str, status: int) -> None:
    kind, answer = api.invoke(event("GET", path))

    assert (kind, answer["statusCode"]) == ("response", status)


@pytest.mark.parametrize(
    "garbage", ["garbage", None, 7, [], {"Records": []}, {"source": "aws.events", "detail-type": "Scheduled Event"}]
)
def test_an_event_that_is_no_request_fails_its_invocation_and_no_other(api: RuntimeApi, garbage: Any) -> None:
    kind, answer = api.invoke(garbage)

    assert kind == "error"
    assert answer["errorMessage"].startswith("not an event of API Gateway")
    assert api.invoke(event("GET", "/health"))[1]["statusCode"] == 200


def test_a_schedules_event_is_taken_by_its_own_function(unzipped: Path, variables: dict[str, str]) -> None:
    scheduled = {"id": "e-1", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "region": "x"}
    more = {"version": "0", "account": "1", "time": "2026-11-26T00:00:00Z", "resources": []}

    with running(ROOT, unzipped, "3.13", variables, "app.watch") as watcher:
        assert watcher.invoke({**scheduled, **more}) == ("response", {})  # nobody decided often enough


def test_the_same_input_gives_the_same_bytes(packed: Packed, tmp_path: Path) -> None:
    assert package(Project(ROOT), "staging", tmp_path).digest == packed.digest


def test_only_what_the_stage_needs_is_in_it(packed: Packed) -> None:
    names = zipfile.ZipFile(packed.archive).namelist()
    tops = {name.split("/")[0] for name in names}

    assert {"app.py", "chalicelib", "pydantic", "sqlalchemy", "boto3", "grpc"} <= tops
    assert not tops & {"workbench", "serving", "tests", "usecases", "pip", "setuptools", "numpy", "pytest", "papermill"}
    assert not [name for name in names if name.endswith((".ipynb", ".pyi"))]
    versions = {match[1] for name in names if (match := re.search(r"\.cpython-(\d+)\.pyc$", name))}
    assert versions == {"313"}
    modules = {name for name in names if name.endswith(".py") and name.startswith(("chalicelib/", "pydantic/"))}
    compiled = {re.sub(r"__pycache__/(\w+)\.cpython-313\.pyc", r"\1.py", name) for name in names}
    assert modules <= compiled


def test_its_template_is_clean_for_cfn_lint(packed: Packed, tools: Callable[[str], Path]) -> None:
    done = subprocess.run([tools("cfn-lint"), packed.template], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_no_secret_and_no_stand_in_is_in_the_template(packed: Packed) -> None:
    text = packed.template.read_text("utf-8")

    assert "stand-in" not in text
    assert "{{resolve:ssm:/artemis/staging/api-keys}}" in text


def test_requests_reach_the_version_that_is_live(packed: Packed) -> None:
    template = json.loads(packed.template.read_bytes())
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    uris = {
        json.dumps(method["x-amazon-apigateway-integration"]["uri"])
        for path in paths.values()
        for method in path.values()
    }

    assert len(uris) == 1 and ":live/invocations" in uris.pop()
    assert template["Resources"]["LiveAlias"]["Properties"]["FunctionVersion"] == {"Ref": "LiveVersion"}


def content(tmp_path: Path, **files: str) -> Path:
    """A package's folder with one distribution in it."""
    for name, text in {"demo-1.0.dist-info/METADATA": "", "app.py": "", **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "locked", "said"),
    [
        ({}, {"demo": "1.0", "numpy": "2.1.0"}, "numpy==2.1.0 is not in the package: no wheel of it fits Lambda"),
        ({}, {"demo": "1.1"}, "demo==1.1 is not in the package"),
        ({}, {}, "demo would ship, and the stage does not need it"),
        ({"chalicelib/x.ipynb": "{}"}, {"demo": "1.0"}, "chalicelib/x.ipynb must not ship"),
        ({"tests/test_a.py": ""}, {"demo": "1.0"}, "tests/test_a.py must not ship"),
        ({"demo/_c.cpython-311-x86_64-linux-gnu.so": ""}, {"demo": "1.0"}, "is for another Python or processor"),
        ({"demo/_c.cpython-313-aarch64-linux-gnu.so": ""}, {"demo": "1.0"}, "is for another Python or processor"),
    ],
)
def test_what_must_not_ship_stops_it(tmp_path: Path, files: dict[str, str], locked: dict[str, str], said: str) -> None:
    with pytest.raises(CannotShip, match=re.escape(said)):
        archive.check_content(content(tmp_path, **files), locked, "3.13")


def test_what_does_not_fit_stops_it(tmp_path: Path) -> None:
    (tmp_path / "large.zip").write_bytes(b"0" * 50_000_001)

    with pytest.raises(CannotShip, match=r"50\.0 MB, 10\.0 MB unzipped; Lambda takes 50 and 250 MB"):
        archive.check_size(tmp_path / "large.zip", 10_000_000)


def test_other_services_descriptions_are_trimmed(tmp_path: Path) -> None:
    kept = "botocore/data/s3/2006-03-01/service-2.json.gz"
    folder = content(
        tmp_path,
        **{kept: "", "botocore/data/ec2/2016-11-15/service-2.json.gz": "12345", "botocore/data/endpoints.json": ""},
    )

    assert trim(folder, {"s3"}) == 5
    assert (folder / kept).is_file() and (folder / "botocore/data/endpoints.json").is_file()
    assert not (folder / "botocore/data/ec2").exists()


def test_what_was_changed_and_not_built_does_not_ship(copied: Project) -> None:
    assert Plan.of(copied, "staging").locked
    notebook = copied.notebooks / "profile_photo_review.ipynb"
    text = notebook.read_text("utf-8")
    notebook.write_text(text.replace("] = 0.80  # nudity score", "] = 0.70  # nudity score"), "utf-8")
    assert notebook.read_text("utf-8") != text

    with pytest.raises(CannotShip) as refused:
        Plan.of(copied, "staging")

    assert "run `artemis build`" in str(refused.value) and "profile_photo_review" in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "brings"),
    [
        ("ARTEMIS_SLACK_WEBHOOK", "{{resolve:ssm:/artemis/staging/slack}}", "slack-sdk"),
        ("ARTEMIS_SENTRY_DSN", "{{resolve:ssm:/artemis/staging/sentry}}", "sentry-sdk"),
        ("ARTEMIS_OTLP_ENDPOINT", "https://collector.example/v1/traces", "opentelemetry-sdk"),
    ],
)
def test_who_is_told_ships_where_somebody_is(copied: Project, variable: str, value: str, brings: str) -> None:
    assert brings not in Plan.of(copied, "staging").locked
    path = copied.root / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"]["staging"]["environment_variables"][variable] = value
    path.write_text(json.dumps(config), "utf-8")

    assert brings in Plan.of(copied, "staging").locked
