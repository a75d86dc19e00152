"""Prints what a container installs: the project's dependencies, and those of the extras that are named."""

from __future__ import annotations

import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
for requirement in [
    *project["dependencies"],
    *(one for name in sys.argv[1:] for one in project["optional-dependencies"][name]),
]:
    print(requirement)
