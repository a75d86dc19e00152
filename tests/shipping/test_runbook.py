"""Every alarm leads to a part of the runbook that says what it means, where to look and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib.emf import NAMESPACE
from workbench.shipping import alarms as shipped
from workbench.shipping.alarms import alarms
from workbench.shipping.stage import Deployed, Options
from workbench.shipping.template import FUNCTIONS

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "operations.md").read_text("utf-8")
ALARMS = alarms(Deployed("staging", "artemis", {"api_gateway_stage": "staging"}, Options()), FUNCTIONS)


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_its_description_names_a_part_that_answers_three_questions(name: str) -> None:
    link = ALARMS[name]["Properties"]["AlarmDescription"].rpartition(" ")[2]
    path, _, anchor = link.partition("#alarm-")

    assert path == "docs/operations.md"
    found = re.search(rf"^### Alarm: {anchor}\n(.*?)(?=^##)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found, anchor
    assert all(f"**{word}**" in found[1] for word in ("Means", "Look", "Do"))


def test_no_part_is_left_without_an_alarm() -> None:
    linked = {one["Properties"]["AlarmDescription"].rpartition("#alarm-")[2] for one in ALARMS.values()}

    assert set(re.findall(r"^### Alarm: (\S+)$", GUIDE, re.MULTILINE)) == linked


def test_alarms_watch_the_namespace_that_decisions_are_counted_in() -> None:
    assert shipped.NAMESPACE == NAMESPACE
