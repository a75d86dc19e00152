"""The commands of `artemis`: one file each, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

# in the order in which a use case meets them; `artemis --help` lists them so
COMMANDS = {
    "new": "workbench.commands.new:new",
    "lab": "workbench.commands.lab:lab",
    "check": "workbench.commands.check:check",
    "build": "workbench.commands.build:build",
    "diff": "workbench.commands.diff:diff",
    "graph": "workbench.commands.graph:graph",
    "validate": "workbench.commands.validate:validate",
    "test": "workbench.commands.test:test",
    "record": "workbench.commands.record:record",
    "case": "workbench.commands.case:case",
    "contract": "workbench.commands.contract:contract",
    "clean": "workbench.commands.clean:clean",
    "setup-git": "workbench.commands.setup_git:setup_git",
    "run": "workbench.commands.run:run",
    "serve": "workbench.commands.serve:serve",
    "labels": "workbench.commands.labels:labels",
    "replay": "workbench.commands.replay:replay",
    "challengers": "workbench.commands.challengers:challengers",
    "watch": "workbench.commands.watch:watch",
    "db": "workbench.commands.db:db",
    "costs": "workbench.commands.costs:costs",
    "keys": "workbench.commands.keys:keys",
    "export": "workbench.commands.export:export",
    "purge": "workbench.commands.purge:purge",
    "forget": "workbench.commands.forget:forget",
    "config": "workbench.commands.config:config",
    "policy": "workbench.commands.package:policy",
    "package": "workbench.commands.package:package",
    "deploy": "workbench.commands.deploy:deploy",
    "rollback": "workbench.commands.deploy:rollback",
    "notify": "workbench.commands.notify:notify",
    "demo": "workbench.commands.demo:demo",
}


class Commands(click.Group):
    """A group whose commands are imported on first use: `artemis build` loads nothing of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """A misspelt command gets its neighbours named, without importing them."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no such command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)
