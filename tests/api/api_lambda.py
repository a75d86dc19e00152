"""One invocation of the app as Lambda makes it: the process freezes as soon as it has answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from api_server import environment

CODE = """
import json, os, sys
import app

class Context:
    function_name, aws_request_id, invoked_function_arn = "artemis-local-api", "r-1", "arn:aws:lambda:x:1:function:y"
    function_version = log_group_name = log_stream_name = "1"
    def get_remaining_time_in_millis(self):
        return 20_000

print(json.dumps(app.app(json.load(sys.stdin), Context())["statusCode"]))
sys.stdout.flush()
os._exit(0)
"""


def status_on_lambda(project: Path, event: dict[str, Any], **variables: str) -> int:
    """The answer's status."""
    given = environment(AWS_LAMBDA_RUNTIME_API="127.0.0.1:9", **variables)
    command, asked = [sys.executable, "-c", CODE], json.dumps(event)
    done = subprocess.run(command, cwd=project, env=given, input=asked, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return int(done.stdout.splitlines()[-1])
