"""The rule of secrets: none is written in a notebook, and none is printed by the check.

The secrets here are made up, and put together where they are used, so that no scanner finds this file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from workbench.secrets import secrets_in, suspicious

LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8z" * 3
AWS = "AK" + "IA" + "2E4YBCXQ7ZPLKMNT"
JWT = "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLXRlc3Q"
PASSWORD = "corr3ct" + "-horse!battery"
TOKENS = {
    "AWS Access Key": AWS,
    "GitHub Token": "gh" + "p_" + LETTERS[:36],
    "Slack Token": "xo" + "xb-123456789012-123456789012-" + "abcdefghijklmnop12345678",
    "Stripe Access Key": "sk_" + "live_" + LETTERS[:24],
    "SendGrid API Key": "SG" + "." + LETTERS[:22] + "." + LETTERS[:43],
    "JSON Web Token": JWT,
    "Google API Key": "AI" + "za" + LETTERS[:35],
    "Hugging Face Token": "h" + "f_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "Basic Auth Credentials": "postgresql://artemis:" + PASSWORD.replace("!", "-") + "@db.example.com/artemis",
    "Twilio API Key": "SK" + "a1b2c3d4" * 4,
}
ASSIGNED = [
    'password = "{}"',
    "password = '{}'",
    'password: str = "{}"',
    'config = {{"password": "{}"}}',
    'os.environ["DB_PASSWORD"] = "{}"',
    'connect(user="a", password="{}")',
    'api_key = "{}"',
    'if password == "{}": pass',
]
INNOCENT = [
    'password = os.environ["PASSWORD"]',
    'password = getpass("password: ")',
    'password = ""',
    'password = "changeme"',
    'password = "<your password>"',
    'password = "your-password-here"',
    'password_env = "DATABASE_PASSWORD"',
    'secret_name = "prod/artemis/db-1"',
    'api_key_header = "X-Api-Key-2"',
    'api_key = "OPENAI_API_KEY"',
    'reason: Literal["secret", "password"] = "secret"',
    'outcome = {"secret": "weapon"}',
    'ordered = sorted(rows, key=lambda row: row["a1b2c3d4e5"])',
    'digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    'identifier = "0190c8e2-7c2e-7bb1-8f0e-2f1f9a3c5d7e"',
    'url = f"postgresql://{user}:{password}@host/db"',
    'url = "postgresql://user:password@localhost/db"',
    'url = "https://example.com:8080/a?mail=somebody@example.com"',
    "assert secrets.compare_digest(a, b)",
    '"""Pass the key; the secret stays in the environment: password = value."""',
    'print("wrong password: try again")',
]


def text_output(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def secrets(project: Any, cells: Any) -> list[Any]:
    return [problem for problem in project.problems(cells) if problem.rule == "secret"]


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_in_code_text_or_output_is_found_and_never_shown(
    kind: str, project: Any, sound: Any, cell: Any
) -> None:
    token = TOKENS[kind]
    cells = sound(cell(f'1\nseen = "{token}"', name="code"), cell("shown()", name="shown"))
    cells.append({"cell_type": "markdown", "id": "text", "metadata": {}, "source": f"We use\n`{token}` here."})
    cells[6]["outputs"], cells[6]["execution_count"] = [text_output(f"first\ngot {token} back\n")], 1
    found = secrets(project, cells)
    assert [(problem.cell, problem.line) for problem in found] == [(6, 2), (7, 0), (8, 2)]
    for problem in found:
        assert problem.severity == "error"
        assert kind in problem.message
        shown = json.dumps(problem.as_dict()) + problem.code
        assert token not in shown
        assert token[8:] not in shown
        assert PASSWORD[4:10] not in shown


@pytest.mark.parametrize("form", ASSIGNED)
def test_a_password_that_is_written_out_is_found(form: str, project: Any, sound: Any, cell: Any) -> None:
    (problem,) = secrets(project, sound(cell(form.format(PASSWORD), name="code")))
    assert problem.cell == 6
    assert PASSWORD not in problem.code + problem.message
    assert problem.code[problem.column - 1 :].startswith("********")
    assert PASSWORD[:4] not in problem.code + problem.message


@pytest.mark.parametrize("line", INNOCENT)
def test_what_is_no_secret_is_let_pass(line: str, project: Any, sound: Any, cell: Any) -> None:
    assert secrets(project, sound(cell(line, name="code"))) == []


def test_a_parameter_is_looked_at_too(project: Any, sound: Any) -> None:
    parameters = sound.source("parameters") + f'\npassword: str = "{PASSWORD}"  # of the database'
    (problem,) = secrets(project, sound(parameters=parameters))
    assert (problem.cell, problem.line) == (3, 2)


def test_two_secrets_on_a_line_are_both_masked_in_both_reports(project: Any, sound: Any, cell: Any) -> None:
    found = secrets(project, sound(cell(f'pair = ("{AWS}", "{TOKENS["GitHub Token"]}")', name="code")))
    assert len(found) == 2
    for problem in found:
        assert AWS not in problem.code
        assert TOKENS["GitHub Token"] not in problem.code
        assert problem.code[problem.column - 1 :].startswith(problem.message.rpartition(" ")[2])


def test_another_problem_on_the_line_does_not_show_it_either(project: Any, sound: Any) -> None:
    problems = project.problems(sound.exporting(f'key = unknown("{AWS}")'))
    assert {"closure", "secret"} <= {problem.rule for problem in problems}
    assert all(AWS not in problem.code + problem.message for problem in problems)


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "execute_result", "data": {"text/plain": [f"'{AWS}'"]}, "metadata": {}, "execution_count": 1},
        {"output_type": "display_data", "data": {"text/html": f"<td>{AWS}</td>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"application/json": {"a": [{"key": AWS}]}}, "metadata": {}},
        {"output_type": "error", "ename": "E", "evalue": AWS, "traceback": [f"\x1b[31m{AWS[:9]}\x1b[0m{AWS[9:]}"]},
    ],
)
def test_every_kind_of_text_that_is_shown_is_looked_at(output: Any, project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("shown()", name="shown"))
    cells[5]["outputs"], cells[5]["execution_count"] = [output], 1
    assert [problem.cell for problem in secrets(project, cells)] == [6]


def test_pictures_are_not(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("shown()", name="shown"))
    picture = {"output_type": "display_data", "data": {"image/png": AWS * 99}, "metadata": {}}
    cells[5]["outputs"] = [picture]
    assert secrets(project, cells) == []


def test_a_private_key_is_found_by_its_heading(project: Any, sound: Any, cell: Any) -> None:
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END"
    (problem,) = secrets(project, sound(cell(f'key = """\n{key}"""', name="code")))
    assert (problem.cell, problem.line) == (6, 2)


def test_a_line_may_opt_out(project: Any, sound: Any, cell: Any) -> None:
    assert secrets(project, sound(cell(f'password = "{PASSWORD}"  # artemis: ignore[secret]', name="code"))) == []


def test_the_detector_is_loaded_only_for_a_suspicion() -> None:
    code = (
        "import sys, json; from workbench.make import make, Ingredients;"
        "cells = [{'cell_type': 'code', 'metadata': {}, 'source': 'key = 1\\nsecret = key\\npass', 'outputs': []}];"
        "make(Ingredients('a', 'a', json.dumps({'cells': cells, 'metadata': {}, 'nbformat': 4}).encode(), {}));"
        "assert not any(name.startswith('detect_secrets') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("text", ["eyJ", "password", "password: ", "aws key ", "://a:b", '" == ', "AC", "SK", "ghp_"])
def test_text_made_to_be_slow_is_not(text: str) -> None:
    """A line of a megabyte, and a real secret at its end, which is found."""
    line = text * (1_000_000 // len(text)) + f" {AWS} "
    started = time.process_time()
    assert AWS in {secret.value for secret in secrets_in(line)}
    assert suspicious(line, code=True)
    assert time.process_time() - started < 8
