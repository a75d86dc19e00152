"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

import click
import pytest

from workbench.cli import main
from workbench.clidoc import PATH, page
from workbench.commands import COMMANDS


def test_the_document_is_what_the_commands_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert PATH.read_text("utf-8") == page(), "run python -m workbench.clidoc"


def test_every_command_and_every_option_has_its_help() -> None:
    text = page()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert f"## artemis {name}\n" in text
        assert command.help, name
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, f"artemis {name} {option.opts}"
