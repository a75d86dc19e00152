"""docs/cli.md, made from the commands: ``python -m workbench.clidoc`` writes it.

What it says is what ``artemis COMMAND --help`` says, so it cannot say anything else than the command does.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

PATH = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """\
# The command line

<!-- Generated from workbench/commands by `python -m workbench.clidoc`. Edit the commands' help, not this file. -->

Exit codes: 0, all is well; 1, something was found; 2, nothing could be done, and the message says why.
"""


def page() -> str:
    """The whole document, in the order of `artemis --help`."""
    from workbench.cli import main

    sections = list(_sections(main, click.Context(main, info_name="artemis")))
    names = [path for path, _ in sections]
    index = "".join(f"- [{name}](#{name.replace(' ', '-')})\n" for name in names)
    return "\n".join([HEAD, index, *(text for _, text in sections)])


def _sections(group: click.Group, context: click.Context) -> Iterator[tuple[str, str]]:
    """(`artemis name`, its section) of each command of a group, and of the groups among them."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield inner.command_path, "\n\n".join(_section(command, inner)) + "\n"
        if isinstance(command, click.Group):
            yield from _sections(command, inner)


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```\n{usage}\n```"
    if command.help:
        yield inspect.cleandoc(command.help).replace("\b\n", "")
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        yield "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def _row(option: click.Option, context: click.Context) -> str:
    """An option as a row: how it is written, and what its help says, with its default."""
    forms, meaning = option.get_help_record(context) or (", ".join(option.opts), option.help or "")
    return f"| `{_cell(forms)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PATH.write_text(page(), "utf-8")
