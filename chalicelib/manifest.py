"""The manifest: what the build knows of every use case, so that serving needs no notebook."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.errors import SettingsError
from chalicelib.usecase import Source

GENERATED = Path(__file__).parent / "usecases"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """``use_cases``: name -> entry; ``stages``: name -> stage file's content; ``folder``: the modules'."""

    use_cases: dict[str, dict[str, Any]]
    stages: dict[str, dict[str, Any]]
    folder: Path = GENERATED

    @classmethod
    def read(cls, folder: Path = GENERATED) -> Manifest:
        """Raises SettingsError when there is none, or it is of another format."""
        try:
            content = json.loads((folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            raise SettingsError(["there is no manifest: run `artemis build`"]) from None
        except ValueError as error:
            raise SettingsError([f"the manifest is damaged ({error}): run `artemis build`"]) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SettingsError(["the manifest is of another version of Artemis: run `artemis build`"])
        return cls(content["use_cases"], content["stages"], folder)

    def source(self, name: str) -> Source:
        """What the loader needs to know of a use case beyond its code."""
        entry = self.use_cases[name]
        return Source(entry["notebook"], tuple(tuple(cell) for cell in entry["cells"]), entry["tasks"])

    def module(self, name: str) -> Path:
        return self.folder / f"{name}.py"


def kebab(name: str) -> str:
    """A use case's name as it stands in paths."""
    return name.replace("_", "-")


def snake(name: str) -> str:
    """A use case's name as it stands everywhere else; takes either form."""
    return name.replace("-", "_")
