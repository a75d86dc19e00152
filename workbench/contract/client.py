"""A typed Python client of the published contract, written by openapi-python-client.

Nothing is fetched: the document comes from the manifest. ruff tidies the client where it is installed; without
it the client is the same but for unused imports and line ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "artemis_client"


class CannotWrite(Exception):
    """There is no client, or none that is whole; the message says why."""


def write_client(document: dict[str, Any], folder: Path) -> str:
    """Write a client package into ``folder``; gives what the generator warned of, usually nothing.

    A folder that holds something else is left alone. Raises CannotWrite.
    """
    if folder.exists() and not folder.is_dir():
        raise CannotWrite(f"{folder} is a file: name a folder for the client")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / PACKAGE / "client.py").is_file():
        raise CannotWrite(f"{folder} holds something that is not a client: name an empty or a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder}: the folder cannot be made: {error.strerror}") from None
    with tempfile.TemporaryDirectory() as temporary:
        source, config = Path(temporary, "openapi.json"), Path(temporary, "config.json")
        source.write_text(json.dumps(document), "utf-8")
        config.write_text(json.dumps(_config()), "utf-8")
        return _generate(source, config, folder)


def _config() -> dict[str, Any]:
    names = {"project_name_override": PACKAGE.replace("_", "-"), "package_name_override": PACKAGE}
    return names | {"post_hooks": _hooks()}


def _hooks() -> list[str]:
    """ruff by this Python, so that it need not be on the PATH; none where it is not installed."""
    from importlib.util import find_spec
    from shlex import quote

    if find_spec("ruff") is None:
        return []
    ruff = f"{quote(sys.executable)} -m ruff"
    return [f"{ruff} check . --fix-only --quiet --extend-select=I", f"{ruff} format . --quiet"]


def _generate(source: Path, config: Path, folder: Path) -> str:
    # its own command line: what the generator offers to be called by others
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "setup", "--overwrite"]
    command += ["--path", str(source), "--config", str(config), "--output-path", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise CannotWrite("the generator did not end within 120 s") from None
    said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("Generating"))
    if "No module named openapi_python_client" in said:
        raise CannotWrite("openapi-python-client is not installed: pip install openapi-python-client")
    if done.returncode:
        raise CannotWrite(f"the generator failed:\n{said.strip()}")
    return said.strip()
