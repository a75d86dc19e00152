"""What the documentation shows is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.errors import PROVIDER_CODES, Invalid
from chalicelib.http.problems import TYPE_PREFIX, from_error
from chalicelib.manifest import Manifest
from chalicelib.providers import PROVIDERS
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import STAGE_KEYS, load
from workbench.commands import COMMANDS


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'docs.db'}"
    manifest = Manifest.read()
    return bootstrap.build(load({"ARTEMIS_DATABASE_URL": url}, manifest.stages, manifest.use_cases), manifest)


def text(root: Path, name: str) -> str:
    return (root / name).read_text("utf-8")


def test_the_readmes_request_gets_the_readmes_decision(pytestconfig: pytest.Config, service: Service) -> None:
    readme = text(pytestconfig.rootpath, "README.md")
    body = re.search(r"-d '(\{.*\})'", readme)
    shown = re.search(r"```json\n(\{.*?\})\n```", readme, re.DOTALL)
    assert body and shown
    expected = json.loads(shown[1])
    made = json.loads(service.decide(LOCAL_CLIENT, "profile-photo-review", body[1]).envelope)
    assert made.keys() == expected.keys()
    assert made["decision"] == expected["decision"]


def test_the_api_guides_problem_is_the_one_that_is_answered(pytestconfig: pytest.Config, service: Service) -> None:
    shown = re.search(r"```json\n(\{.*?\})\n```", text(pytestconfig.rootpath, "docs/api.md"), re.DOTALL)
    assert shown
    body = json.dumps({"user_id": "u", "photo": {"base64": "bm8gcGljdHVyZQ=="}})
    with pytest.raises(Invalid) as refused:
        service.decide(LOCAL_CLIENT, "profile-photo-review", body)
    assert json.loads(from_error(refused.value).body) == json.loads(shown[1])


def test_every_code_of_a_problem_is_in_the_api_guide(pytestconfig: pytest.Config) -> None:
    """Codes are read from the source, so that a new one cannot be forgotten."""
    root = pytestconfig.rootpath
    sources = [
        *(root / "chalicelib").glob("*.py"),
        *(root / "chalicelib/http").glob("*.py"),
        *(root / "serving").glob("*.py"),
    ]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    errors = text(root, "chalicelib/errors.py")
    codes = set(re.findall(r'status, code, title = \d+, "([a-z-]+)"', errors))
    codes |= set(re.findall(r'code="([a-z-]+)"', code)) | set(re.findall(r'"([a-z-]+)": 50\d', code))
    codes -= PROVIDER_CODES.keys()
    assert {"not-found", "overloaded", "invalid-decision", "deadline"} <= codes
    guide = text(root, "docs/api.md")
    assert [found for found in sorted(codes) if f"`{found}`" not in guide] == []
    assert TYPE_PREFIX in guide


def test_every_reason_of_a_provider_is_in_the_guide_to_models(pytestconfig: pytest.Config) -> None:
    guide = text(pytestconfig.rootpath, "docs/models.md")
    assert [code for code in PROVIDER_CODES if f"`{code}`" not in guide] == []


def test_every_setting_of_a_stage_file_is_documented(pytestconfig: pytest.Config) -> None:
    pages = text(pytestconfig.rootpath, "docs/models.md") + text(pytestconfig.rootpath, "docs/operations.md")
    assert [key for key in STAGE_KEYS if f"`{key}`" not in pages] == []
    assert [name for name in PROVIDERS if f"`{name}`" not in pages] == []


def test_every_command_that_is_documented_exists(pytestconfig: pytest.Config) -> None:
    pages = [pytestconfig.rootpath / "README.md", *(pytestconfig.rootpath / "docs").glob("*.md")]
    named = {
        name for page in pages for name in re.findall(r"`(?:\.venv/bin/)?artemis ([a-z-]+)", page.read_text("utf-8"))
    }
    assert named
    assert named <= set(COMMANDS)


def test_make_targets_that_are_documented_exist(pytestconfig: pytest.Config) -> None:
    makefile = text(pytestconfig.rootpath, "Makefile")
    pages = text(pytestconfig.rootpath, "README.md") + text(pytestconfig.rootpath, "CONTRIBUTING.md")
    named = set(re.findall(r"`?make ([a-z]+)", pages))
    assert {"demo", "test", "serve", "bench"} <= named
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
