"""A project that is the current folder: changing it, committing, and running `artemis` in it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from click.testing import CliRunner, Result

from workbench.cli import main
from workbench.deploying.record import Record, read

KEY = "the-key-of-the-smoke-test"


def change_stage(old: str, new: str) -> None:
    """Changes the stage's file, and builds."""
    path = Path("usecases/stages/staging.yaml")
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    for command in ("build", "policy"):
        done = run(command)
        assert done.exit_code == 0, done.output


def change_variables(variables: dict[str, str | None]) -> None:
    """Sets variables of the staging stage; None takes one away."""
    path = Path(".chalice/config.json")
    config = json.loads(path.read_text("utf-8"))
    own = config["stages"]["staging"]["environment_variables"]
    for name, value in variables.items():
        own.pop(name, None) if value is None else own.update({name: value})
    path.write_text(json.dumps(config, indent=2), "utf-8")


def git(*arguments: str) -> None:
    who = ["-c", "user.name=김하늘", "-c", "user.email=sky@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def commit(subject: str) -> None:
    git("add", "--all")
    git("commit", "-q", "-m", subject)
    git("config", "user.name", "김하늘")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def deploy(*options: str) -> Result:
    return run("deploy", "--stage", "staging", "--yes", *options)


def deployed(*options: str) -> Result:
    """A deployment that succeeds."""
    done = deploy(*options)
    assert done.exit_code == 0, done.output
    return done


def record() -> Record:
    return read(Path(".artemis/deployments/staging.json"))
