"""An AWS account that stages are deployed to: moto, which is taught what it lacks, and functions that really run.

    with Cloud(root) as cloud:
        cloud.failing = "WatchRole"       the next change of a stack fails at this resource, and is rolled back
        cloud.foreign.add("…")            a bucket of somebody else
        cloud.secrets["/artemis/…"] = …   what ``{{resolve:ssm:…}}`` gives

SAM is translated by AWS's own translator, as CloudFormation does it; ``{{resolve:…}}`` is put in place; an invocation
of a function runs its version's code, from its zip, under awslambdaric.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import zipfile
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from moto.awslambda.utils import get_backend
from moto.cloudformation.models import Event, cloudformation_backends
from moto.s3.models import s3_backends

from tests.emulators.aws import ACCOUNT, REGION, TARGET, Aws, _route
from tests.emulators.aws_resources import register
from tests.emulators.server import Reply, Request, Route
from tests.lambdas import RuntimeApi, running
from tests.tools import tool

RESOLVE = re.compile(r"\{\{resolve:(?:ssm|secretsmanager):([^}]+)\}\}")
PUBLISHING = re.compile(r"/2015-03-31/functions/[^/]+/versions")
INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class Cloud(Aws):
    """One account. ``root``: the project's, which has the environments that functions run in."""

    def __init__(self, root: Path, python: str = "3.13") -> None:
        super().__init__()
        self.root, self.python = root, python
        self.failing: str | None = None
        self.secrets: dict[str, str] = {}
        self.foreign: set[str] = set()
        self.bucket_policies: dict[str, Any] = {}
        self._translated: dict[str, str] = {}
        self._running: dict[tuple[str, str], RuntimeApi] = {}
        self._stack = ExitStack()
        register()

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        super().__exit__(*error)

    def _route(self, request: Request) -> Route:
        if INVOCATION.fullmatch(request.path):
            return _route("Invoke", self._invoke)
        action = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("Action") if request.body else None
        if action in ("CreateStack", "UpdateStack"):
            return _route(action, self._change)
        if PUBLISHING.fullmatch(request.path):
            return _route("PublishVersion", self._others)
        if request.path.split("/")[1] in self.foreign:
            return _route("Foreign", lambda _request: (403, b"", {}))
        if request.method == "PUT" and urlsplit(request.headers[TARGET]).query == "policy":
            return _route("PutBucketPolicy", self._bucket_policy)
        route = super()._route(request)
        route.operation = action or route.operation
        return route

    def _bucket_policy(self, request: Request) -> Reply:
        """Kept here: moto would apply it without its conditions."""
        self.bucket_policies[request.path.strip("/")] = request.json()
        return 204, b"", {}

    def _change(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        request.note(stack=form["StackName"], live=form.get("Parameters.member.1.ParameterValue"))
        place = urlsplit(form.pop("TemplateURL"))
        template = s3_backends[ACCOUNT]["aws"].get_object(place.netloc.split(".")[0], unquote(place.path[1:]))
        assert template is not None
        form["TemplateBody"] = self._resolved(self._translate(template.value.decode()))
        if self.failing is not None:
            return self._fail(request, form)
        request.body = urlencode(form).encode()
        request.headers.replace_header("Content-Length", str(len(request.body)))
        return self._others(request)

    def _translate(self, template: str) -> str:
        digest = hashlib.sha256(template.encode()).hexdigest()
        if digest not in self._translated:
            code = Path(__file__).parent / "sam_translate.py"
            command, outer = [str(tool("python")), str(code)], {"AWS_DEFAULT_REGION": REGION}
            done = subprocess.run(command, input=template, capture_output=True, text=True, env=outer)
            assert done.returncode == 0, done.stderr
            # what moto knows: a resource that outlives its stack
            self._translated[digest] = done.stdout.replace("RetainExceptOnCreate", "Retain")
        return self._translated[digest]

    def _resolved(self, template: str) -> str:
        return RESOLVE.sub(lambda found: json.dumps(self.secrets[found[1]])[1:-1], template)

    def _fail(self, request: Request, form: dict[str, str]) -> Reply:
        """The change does not happen; the stack and its events say so."""
        failing, self.failing = self.failing, None
        backend, is_new = cloudformation_backends[ACCOUNT][REGION], form["Action"] == "CreateStack"
        if is_new:
            log = {"Resources": {"Left": {"Type": "AWS::SNS::Topic", "Properties": {}}}}
            backend.create_stack(form["StackName"], json.dumps(log), {})
        stack = backend.get_stack(form["StackName"])
        stack.status = "ROLLBACK_COMPLETE" if is_new else "UPDATE_ROLLBACK_COMPLETE"
        about = (str(failing), "", "AWS::IAM::Role", "UPDATE_FAILED", "as the test wants it", None)
        event = Event(stack.stack_id, stack.name, *about)
        event.client_request_token = form["ClientRequestToken"]  # type: ignore[assignment]
        stack.events.append(event)
        result = f"{form['Action']}Result"
        body = f"<R><{result}><StackId>{stack.stack_id}</StackId></{result}></R>"
        request.note(failed=failing)
        return 200, body.encode(), {"Content-Type": "text/xml"}

    def _invoke(self, request: Request) -> Reply:
        match = INVOCATION.fullmatch(request.path)
        assert match is not None
        version = request.query.get("Qualifier", "$LATEST")
        request.note(function=match[1], version=version)
        kind, answer = self._function(match[1], version).invoke(request.body, 30)
        headers = {"Content-Type": "application/json"}
        return 200, answer, headers if kind == "response" else {**headers, "X-Amz-Function-Error": "Unhandled"}

    def _function(self, name: str, qualifier: str) -> RuntimeApi:
        """The version, running; it is kept warm."""
        found = get_backend(ACCOUNT, REGION).get_function(name, qualifier)
        key = (name, str(found.version))
        if key not in self._running:
            folder = Path(self._stack.enter_context(TemporaryDirectory())) / "task"
            zipfile.ZipFile(io.BytesIO(found.code_bytes)).extractall(folder)
            given = {**self.environment(), **found.environment_vars}
            entered = running(self.root, folder, self.python, given, found.handler)
            self._running[key] = self._stack.enter_context(entered)
        return self._running[key]
