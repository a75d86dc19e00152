"""CloudWatch's alarms on a stage. Each has a page in the runbook of docs/operations.md, which its description names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.emf import NAMESPACE
from workbench.shipping.stage import Deployed

FIVE_MINUTES, HOUR = 300, 3600  # seconds
FEWEST = 20  # decisions within five minutes from which on a rate means something
RUNBOOK = "docs/operations.md#alarm-"


def alarms(deployed: Deployed, functions: Mapping[str, str]) -> dict[str, Any]:
    """Id in the template -> alarm. ``functions``: id in the template -> name."""
    return {identity: _alarm(deployed, name, about) for identity, name, about in _all(deployed, functions)}


def _all(deployed: Deployed, functions: Mapping[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    limits = deployed.options.alarms
    for identity, name in functions.items():
        of = {"Name": "FunctionName", "Value": deployed.function(name)}
        yield (
            f"{identity}Errors",
            "errors",
            {**_simple("AWS/Lambda", "Errors", "Sum", [of]), "Threshold": limits.errors},
        )
        yield (
            f"{identity}Throttles",
            "throttles",
            {**_simple("AWS/Lambda", "Throttles", "Sum", [of]), "Threshold": limits.throttles},
        )
    api = [
        {"Name": "ApiName", "Value": deployed.app},
        {"Name": "Stage", "Value": deployed.content.get("api_gateway_stage", "api")},
    ]
    yield (
        "GatewayErrors",
        "gateway-errors",
        {**_simple("AWS/ApiGateway", "5XXError", "Sum", api), "Threshold": limits.errors},
    )
    slow = {"ExtendedStatistic": "p99", "EvaluationPeriods": 3, "Threshold": limits.p99_ms}
    of_api = [{"Name": "FunctionName", "Value": deployed.function("api")}]
    yield "SlowDecisions", "p99", {**_simple("AWS/Lambda", "Duration", None, of_api), **slow}
    yield (
        "DegradedRate",
        "degraded-rate",
        {**_rate(deployed), "Threshold": limits.degraded_rate, "EvaluationPeriods": 3},
    )
    shift = _simple(NAMESPACE, "OutcomeShift", "Maximum", [{"Name": "Stage", "Value": deployed.stage}], HOUR)
    yield "OutcomeShift", "outcome-shift", {**shift, "Threshold": limits.outcome_shift}


def _simple(
    namespace: str, metric: str, statistic: str | None, dimensions: list[dict[str, Any]], period: int = FIVE_MINUTES
) -> dict[str, Any]:
    about = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions, "Period": period}
    return about | ({"Statistic": statistic} if statistic else {})


def _rate(deployed: Deployed) -> dict[str, Any]:
    """Degraded decisions among all, where there are enough of them."""
    dimensions = [{"Name": "Stage", "Value": deployed.stage}]

    def metric(identity: str, name: str) -> dict[str, Any]:
        stat = {
            "Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions},
            "Period": FIVE_MINUTES,
            "Stat": "Sum",
        }
        return {"Id": identity, "MetricStat": stat, "ReturnData": False}

    rate = {"Id": "rate", "Expression": f"IF(decisions >= {FEWEST}, degraded / decisions, 0)", "ReturnData": True}
    return {"Metrics": [metric("decisions", "Decisions"), metric("degraded", "Degraded"), rate]}


def _alarm(deployed: Deployed, name: str, about: dict[str, Any]) -> dict[str, Any]:
    topic = deployed.options.alarms.topic
    told = {"AlarmActions": [topic], "OKActions": [topic]} if topic else {}
    common = {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
    }
    described = f"{deployed.app} on {deployed.stage}: {name.replace('-', ' ')}; what to do: {RUNBOOK}{name}"
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmDescription": described, **common, **about, **told}}
