"""The function that answers: publishing a version of it, and asking a version that nobody is sent to yet."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from workbench.deploying.account import Account, told
from workbench.shipping.errors import CannotShip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version answered. ``body``: its text."""

    status: int
    body: str

    def json(self) -> Any:
        """The body, or None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Function:
    """A Lambda function of an account."""

    def __init__(self, account: Account, name: str) -> None:
        self.name, self._client = name, account.client("lambda")

    def publish(self, digest: str, description: str) -> str:
        """Makes a version of what the function is now; gives its number, an old one where nothing has changed.

        Args:
            digest: of the zip, in hex: another's code is not published.

        Raises CannotShip.
        """
        code = b64encode(bytes.fromhex(digest)).decode()
        with told():
            made = self._client.publish_version(FunctionName=self.name, CodeSha256=code, Description=description[:256])
            version = str(made["Version"])
            waiter = self._client.get_waiter("published_version_active")  # SnapStart takes minutes
            waiter.wait(FunctionName=self.name, Qualifier=version, WaiterConfig={"Delay": 2, "MaxAttempts": 300})
        return version

    def ask(self, version: str, event: Mapping[str, Any]) -> Answer:
        """One invocation of a version. Raises CannotShip where it fails."""
        with told():
            done = self._client.invoke(FunctionName=self.name, Qualifier=version, Payload=json.dumps(event).encode())
            payload = done["Payload"].read()
        said = json.loads(payload or b"null")
        if done.get("FunctionError") or not isinstance(said, dict) or "statusCode" not in said:
            why = said.get("errorMessage") if isinstance(said, dict) else said
            raise CannotShip(f"the invocation failed: {str(why)[:1000]}; its log is in /aws/lambda/{self.name}")
        return Answer(int(said["statusCode"]), str(said.get("body") or ""))


def gateway_event(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: str | None = None,
    resource: str | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What API Gateway (REST, v1) hands to Lambda. ``path``: with its query; ``resource``: the route's pattern."""
    path, _, query = path.partition("?")
    resource, values = resource or path, parse_qs(query, keep_blank_values=True) or None
    about = {"resourcePath": resource, "path": path, "httpMethod": method, "requestId": "r-1", "identity": {}}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": values and {name: found[-1] for name, found in values.items()},
        "multiValueQueryStringParameters": values,
        "pathParameters": names,
        "stageVariables": None,
        "requestContext": about,
        "body": body,
        "isBase64Encoded": False,
    }
