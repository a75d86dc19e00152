"""A model that changes overnight: told where nothing is pinned, and degraded as declared where something is."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from faults_clouds import Cloud

REPORTING = ["rekognition", "sagemaker", "vertex_ai", "bigquery_ml", "http"]
SILENT = [  # of these the fault cannot be had
    pytest.param("google_vision", id="google_vision-reports-no-version"),
    pytest.param("bigquery", id="bigquery-a-query-has-no-model"),
]
MISMATCH = "model-mismatch"


def changes(deciding: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deciding.api.get("/v1/models").json["changes"]
    return found


@pytest.mark.parametrize("cloud", REPORTING, indirect=True)
def test_without_a_pin_it_decides_and_the_change_is_logged_and_listed(
    deciding: Any, check_leaks: Any, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    before = deciding(cloud).decide("needed")
    assert cloud.reports is not None
    cloud.reports("8.0")
    service = deciding(cloud)  # as another process, which knows the version before from the store
    after = service.decide("needed")
    assert (before.outcome, after.outcome) == ((200, []), (200, []))
    ((old,), (new,)) = before.calls(), after.calls()
    assert old["version"] != new["version"]
    (change,) = changes(service)
    assert (change["event"], change["provider"]) == ("model_changed", cloud.provider)
    assert (change["from"], change["to"]) == (f"{old['model']} {old['version']}", f"{new['model']} {new['version']}")
    assert change["decision_id"] == after.reply.json["id"]
    (said,) = [record for record in caplog.records if "model_changed" in record.getMessage()]
    assert (said.name, said.levelno) == ("artemis", logging.WARNING)
    check_leaks(before, after)


@pytest.mark.parametrize("cloud", REPORTING, indirect=True)
def test_with_a_pin_it_degrades_as_declared_and_what_answered_is_stored(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    (before,) = deciding(cloud).decide("needed").calls()
    stage = {"pin": {cloud.capability: before["version"]}}
    assert deciding(cloud, stage=stage).decide("needed").outcome == (200, [])
    assert cloud.reports is not None
    cloud.reports("8.0")
    service = deciding(cloud, stage=stage)
    needed, optional = service.decide("needed"), service.decide("optional")
    assert needed.outcome == (502, "task-failed", "asked")
    assert optional.outcome == (200, [{"task": "asked", "error": MISMATCH}])
    for seen in (needed, optional):
        (call,) = seen.calls()
        assert (call["error"], call.get("attempts", 1), call["model"]) == (MISMATCH, 1, before["model"])
        assert call["version"] not in ("", before["version"])  # it was answered, and paid for
        seen.check_what_was_paid()
    (change,) = changes(service)
    assert change["decision_id"] == needed.reply.json["decision_id"]
    check_leaks(needed, optional)


@pytest.mark.parametrize("cloud", REPORTING, indirect=True)
def test_a_pin_lets_the_next_in_the_list_answer_if_that_has_the_version(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    stage = {"pin": {cloud.capability: {cloud.provider: "6.0"}}}
    seen = deciding(cloud, chain=[cloud.provider, "second"], stage=stage).decide("needed")
    (entry,) = seen.reply.json["degraded"]
    assert (entry["error"], entry["provider"], entry["answered_by"]) == (MISMATCH, cloud.provider, "second")
    assert [call.get("error") for call in seen.calls()] == [MISMATCH, None]
    seen.check_what_was_paid()
    check_leaks(seen)


@pytest.mark.parametrize("cloud", SILENT, indirect=True)
def test_one_that_reports_none_has_none_and_meets_no_pin(deciding: Any, check_leaks: Any, cloud: Cloud) -> None:
    free = deciding(cloud)
    (call,) = free.decide("needed").calls()
    assert (call["version"], changes(free)) == ("unreported", [])
    seen = deciding(cloud, stage={"pin": {cloud.capability: "7.0"}}).decide("optional")
    assert seen.outcome == (200, [{"task": "asked", "error": MISMATCH}])
    seen.check_what_was_paid()
    check_leaks(seen)
