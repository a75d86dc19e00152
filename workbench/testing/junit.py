"""JUnit XML of all tiers: what CI systems show."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from workbench.files import write
from workbench.testing.results import Fault, Suite, Test
from workbench.testing.tell import place_of

REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML cannot hold


def save(suites: list[Suite], path: Path) -> None:
    """Write the report, folders included. Raises OSError."""
    root = ET.Element("testsuites", name="artemis test")
    for suite in suites:
        root.append(_suite(suite))
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(suite: Suite) -> ET.Element:
    name = f"{suite.tier}.{suite.use_case}" if suite.use_case else suite.tier
    skipped = sum(bool(test.skipped) for test in suite.tests)
    numbers = {"tests": len(suite.tests), "failures": suite.failed, "errors": 0, "skipped": skipped}
    attributes = {key: str(number) for key, number in numbers.items()}
    element = ET.Element("testsuite", {"name": name, **attributes, "time": f"{suite.seconds:.3f}"})
    element.extend(_test(name, test) for test in suite.tests)
    if suite.warnings:
        ET.SubElement(element, "system-out").text = _clean("\n\n".join(map(_text, suite.warnings)))
    return element


def _test(suite: str, test: Test) -> ET.Element:
    element = ET.Element("testcase", classname=suite, name=_clean(test.name), time=f"{test.seconds:.3f}")
    if test.faults:  # one element: readers look at the first only
        message = _clean(test.faults[0].message)
        ET.SubElement(element, "failure", message=message).text = _clean("\n\n".join(map(_text, test.faults)))
    elif test.skipped:
        ET.SubElement(element, "skipped", message=_clean(test.skipped))
    return element


def _text(fault: Fault) -> str:
    lines = [place_of(fault), fault.message, fault.detail, f"hint: {fault.hint}" if fault.hint else ""]
    return "\n".join(line for line in lines if line)


def _clean(text: str) -> str:
    return REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)
