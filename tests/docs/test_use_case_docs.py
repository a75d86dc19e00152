"""The pages of docs/use-cases: their examples are run against a real service, and every code is explained.

A ``sh`` or ``python`` block is run with the service's address in the place of http://127.0.0.1:8000; where a ``json``
block follows, it has to print that. Ids, versions and times differ, and scores may a little: some of them are about
how long ago something was.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.manifest import Manifest
from workbench.demo_client import starting, where

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "use-cases").glob("*.md"))
WRITTEN = "http://127.0.0.1:8000"
DIFFERING = {"id", "version", "created_at", "decision_id", "instance"}
BLOCK = re.compile(r"^```(sh|python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A block to run, and what it has to print: None where it only has to succeed."""

    page: Path
    line: int
    language: str
    code: str
    answer: str | None


def examples(page: Path) -> list[Example]:
    text = page.read_text("utf-8")
    blocks = [(text[: found.start()].count("\n") + 1, *found.groups()) for found in BLOCK.finditer(text)]
    following = [*blocks[1:], (0, "", "")]
    return [
        Example(page, line, language, code, after[2] if after[1] == "json" else None)
        for (line, language, code), after in zip(blocks, following, strict=True)
        if language != "json"
    ]


EVERY = [pytest.param(one, id=f"{one.page.stem}-{one.line}") for page in PAGES for one in examples(page)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARTEMIS_")}
    with starting(ROOT, tmp_path_factory.mktemp("docs") / "docs.db", environment) as running:
        url = where(running, 60)
        assert url, "the service did not start"
        yield url


@pytest.mark.parametrize("example", EVERY)
def test_an_example_prints_what_the_page_says(example: Example, service: str) -> None:
    code = example.code.replace(WRITTEN, service)
    command = ["bash", "-euc", code] if example.language == "sh" else [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    place = f"{example.page.relative_to(ROOT)}, line {example.line}"
    assert done.returncode == 0, f"{place}: {done.stderr}"
    if example.answer is not None:
        assert comparable(json.loads(done.stdout)) == comparable(json.loads(example.answer)), place


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "…" if name in DIFFERING else pytest.approx(part, abs=0.05) if name == "score" else comparable(part)
            for name, part in value.items()
        }
    return [comparable(part) for part in value] if isinstance(value, list) else value


def test_every_use_case_has_a_page_and_every_code_of_its_decision_is_explained() -> None:
    manifest = Manifest.read()
    assert {page.stem for page in PAGES} == set(manifest.names)
    for page in PAGES:
        text, entry = page.read_text("utf-8"), manifest.use_cases[page.stem]
        codes = {code for schema in parts(entry["decision"]) for code in schema.get("enum", ())}
        assert [code for code in sorted(codes) if f"`{code}`" not in text] == [], page.name
        fields = entry["request"]["properties"].keys() | entry["decision"]["properties"].keys()
        assert [name for name in sorted(fields) if f"`{name}`" not in text] == [], page.name
        assert all(name in text for name in ("curl", "Idempotency-Key", "degraded", "422")), page.name
        assert {one.language for one in examples(page)} == {"sh", "python"}, page.name


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A JSON schema and all schemas within."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(part)
