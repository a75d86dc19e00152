"""The dashboards show metrics that there are, all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from prometheus_client import REGISTRY

from chalicelib.emf import EVERYWHERE
from serving.metrics import counting

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def test_grafana_asks_for_every_metric_of_the_server_and_for_no_other() -> None:
    before = {metric.name for metric in REGISTRY.collect()}
    counting()
    made = {metric.name for metric in REGISTRY.collect()} - before
    dashboard = json.loads((DEPLOY / "grafana.json").read_bytes())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"artemis_\w+", target["expr"])
    }

    assert {re.sub(r"_(total|bucket)$", "", name) for name in asked} == made
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard))) - {"__rate_interval"}
    assert used == variables


def test_cloudwatch_shows_every_metric_of_a_decision_and_is_taken_by_it() -> None:
    text = (
        (DEPLOY / "cloudwatch-dashboard.json")
        .read_text("utf-8")
        .replace("${STAGE}", "staging")
        .replace("${REGION}", "us-east-1")
    )
    shown: set[str] = set()
    for widget in json.loads(text)["widgets"]:
        for metric in widget["properties"]["metrics"]:
            shown |= _names(metric)

    assert set(EVERYWHERE) | {"OutcomeShift"} == shown
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        url, keys = (
            f"http://127.0.0.1:{server.get_host_and_port()[1]}",
            {"aws_access_key_id": "a", "aws_secret_access_key": "b"},
        )
        client: Any = boto3.client("cloudwatch", endpoint_url=url, region_name="us-east-1", **keys)
        client.put_dashboard(DashboardName="artemis", DashboardBody=text)
    finally:
        server.stop()


def _names(metric: list[Any]) -> set[str]:
    if isinstance(metric[0], dict):
        return set(re.findall(r'MetricName="(\w+)"', metric[0]["expression"]))
    return {metric[1]} if metric[0] == "Artemis" else set()
