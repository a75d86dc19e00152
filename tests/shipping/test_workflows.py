"""GitHub's workflows: of their schema, clean for actionlint and zizmor, and made of commands that run on a laptop."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workbench.commands import COMMANDS

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def run(*command: Any) -> None:
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
        yield from job.get("steps", ())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
class TestWorkflow:
    def test_it_fits_the_schema(self, path: Path, tools: Callable[[str], Path]) -> None:
        run(tools("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path)

    def test_actionlint_finds_nothing(self, path: Path, tools: Callable[[str], Path]) -> None:
        run(tools("actionlint"), path)

    def test_zizmor_finds_nothing(self, path: Path, tools: Callable[[str], Path]) -> None:
        run(tools("zizmor"), "--offline", "--no-progress", path)

    def test_every_command_is_there_on_a_laptop(self, path: Path) -> None:
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
        commands = [line for step in steps(path) if "run" in step for line in step["run"].splitlines() if line]

        assert commands
        for command in commands:
            program, word = command.split()[:2]
            known = {"make": targets, ".venv/bin/artemis": set(COMMANDS), "gh": {"pr"}, "git": {"merge-base"}}
            assert word in known[program], command

    def test_nobody_elses_code_can_change_under_us(self, path: Path) -> None:
        for step in steps(path):
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]), step["uses"]


def test_the_gate_says_so_where_no_snapshot_is_configured() -> None:
    env = {name: value for name, value in os.environ.items() if name != "ARTEMIS_SNAPSHOT_URL"}
    line = re.search(r"^gate: setup.*?(?=^\S)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert line
    recipe = line[0].partition("\n\t@")[2].replace("$$", "$").replace("$(BIN)", "false").replace("$(GATE)", "x")
    done = subprocess.run(["sh", "-c", recipe], capture_output=True, text=True, env=env)

    assert (done.returncode, "nothing is replayed" in done.stdout) == (0, True), done.stderr
