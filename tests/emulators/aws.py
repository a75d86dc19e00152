"""AWS: S3 and the rest by moto; Rekognition's photo operations by the local models; SageMaker endpoints by functions.

    with Aws() as aws:
        aws.url                                   the endpoint of every service; ``environment()`` for another process
        aws.taxonomy = "6.1"                      the moderation labels' version; "7.0" unless a test says otherwise
        aws.answers["DetectFaces"] = {…}          said instead of asking a local model, which takes a second to load
        aws.endpoint("score", lambda items: […])  a SageMaker endpoint
        aws.errors[400] = "ThrottlingException"   the name of the error that a Status(400) is

``calls`` has an entry for each request: ``operation`` (AWS's name of it, for S3 those that are used here), for S3 the
path, for Rekognition the bytes' number or the S3 object, for SageMaker the endpoint. moto keeps its objects by process,
not by server: two of these share them until one ends.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.moto_api._internal import moto_api_backend
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.test import create_environ, run_wsgi_app

from tests.emulators.aws_rekognition import OPERATIONS, TOO_LARGE, AwsError, local_models
from tests.emulators.aws_sagemaker import Endpoint, Predict, invoke
from tests.emulators.server import Emulator, Reply, Request, Route, _Handler

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ERRORS = {
    400: "InvalidParameterException",
    401: "ExpiredTokenException",
    403: "AccessDeniedException",
    429: "ThrottlingException",
}
# What is said with an error: a real cloud names the account and the caller, which must not get into a log.
SAID = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/artemis/i-0abc is not welcome"
S3_OPERATIONS = {
    ("GET", True): "GetObject",
    ("HEAD", True): "HeadObject",
    ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
    ("PUT", False): "CreateBucket",
    ("GET", False): "ListObjects",
    ("HEAD", False): "HeadBucket",
}


class Aws(Emulator):
    """One AWS account in one region."""

    def __init__(self, taxonomy: str = "7.0") -> None:
        super().__init__()
        self.taxonomy = taxonomy
        self.answers: dict[str, Any] = {}
        self.errors = dict(ERRORS)
        self.endpoints: dict[str, Endpoint] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __enter__(self) -> Aws:
        super().__enter__()
        assert self._server is not None
        self._server.RequestHandlerClass = _AwsHandler
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        moto_api_backend.reset()

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to speak to this AWS, and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def endpoint(self, name: str, predict: Predict, variant: str = "AllTraffic") -> None:
        """A SageMaker endpoint: ``predict`` gets the items as sent (CSV: lists of strings), returns predictions."""
        self.endpoints[name] = Endpoint(predict, variant)

    def put(self, bucket: str, key: str, content: bytes, versioned: bool = False) -> str | None:
        """Put an object into S3 without a request. Returns its version where the bucket keeps versions."""
        backend = s3_backends[ACCOUNT]["aws"]
        if bucket not in backend.buckets:
            backend.create_bucket(bucket, REGION)
        if versioned:
            backend.put_bucket_versioning(bucket, "Enabled")
        version = backend.put_object(bucket, key, content).version_id
        return version if versioned else None

    def warm(self) -> None:
        """Load the local models, which takes seconds: else the first call of each may come too late for its caller."""
        local_models()

    def error(self, status: int) -> Any:
        return {"__type": self.errors.get(status, "InternalServerError"), "message": SAID}

    def routes(self) -> list[Route]:
        return []

    def _route(self, request: Request) -> Route:
        """A route for whatever is asked, named after the operation."""
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith("RekognitionService."):
            return _route(target.partition(".")[2], self._rekognition)
        if request.path.endswith("/invocations"):
            return _route("InvokeEndpoint", self._sagemaker)
        parts = urlsplit(request.headers[TARGET])
        operation = S3_OPERATIONS.get((request.method, parts.path.count("/") > 1), request.method)
        request.note(path=unquote(parts.path), query=parts.query)
        about = "" if "=" in parts.query else parts.query  # "?versioning" and the like: another operation
        return _route(f"{operation}?{about}" if about else operation, self._others)

    def _rekognition(self, request: Request) -> Reply:
        operation, asked = request.call["operation"], request.json()
        try:
            photo = self._photo(request, asked.get("Image", {}))
            if operation in self.answers:
                return 200, self.answers[operation], JSON
            taxonomy = request.version(self.taxonomy)
            return 200, OPERATIONS[operation](photo, asked, taxonomy), JSON
        except AwsError as error:
            return 400, {"__type": error.args[0], "message": SAID}, JSON

    def _photo(self, request: Request, image: Mapping[str, Any]) -> bytes:
        place = image.get("S3Object")
        if place is None:
            content = base64.b64decode(image["Bytes"])
            request.note(bytes=len(content))
            if len(content) > TOO_LARGE:
                raise AwsError("ImageTooLargeException")
            return content
        request.note(s3=place)
        try:
            found = s3_backends[ACCOUNT]["aws"].get_object(place["Bucket"], place["Name"], place.get("Version"))
        except Exception:
            found = None
        if found is None:
            raise AwsError("InvalidS3ObjectException")
        return bytes(found.value)

    def _sagemaker(self, request: Request) -> Reply:
        name = unquote(request.path.split("/")[2])
        request.note(endpoint=name, variant=request.headers.get("X-Amzn-SageMaker-Target-Variant"))
        if name not in self.endpoints:
            return 400, {"message": f"Endpoint {name} of account {ACCOUNT} not found."}, error_type("ValidationError")
        return invoke(self.endpoints[name], request)

    def _others(self, request: Request) -> Reply:
        parts = urlsplit(request.headers[TARGET])
        headers = [(name, value) for name, value in request.headers.items() if name != TARGET]
        environ = create_environ(parts.path, self.url, parts.query, request.method, headers=headers, data=request.body)
        environ["RAW_URI"] = environ["REQUEST_URI"] = request.headers[TARGET]
        body, status, answered = run_wsgi_app(self._moto, environ)
        return int(status.split()[0]), b"".join(body), {name.title(): value for name, value in answered.items()}


JSON = {"Content-Type": "application/x-amz-json-1.1"}
TARGET = "X-Emulator-Target"  # the request's whole target: queries such as "?versioning" mean something in S3


def error_type(name: str) -> dict[str, str]:
    """How a REST service names an error."""
    return {"x-amzn-ErrorType": name}


def _route(operation: str, answer: Any) -> Route:
    route = Route("", "", answer)
    route.operation = operation
    return route


class _AwsHandler(_Handler):
    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            self.headers[TARGET] = self.path
        return parsed

    def handle_expect_100(self) -> bool:
        BaseHTTPRequestHandler.handle_expect_100(self)
        self.wfile.flush()  # else an upload to S3 waits for it a second
        return True


def main() -> None:
    """For a look by hand: serve until interrupted."""
    with Aws() as aws:
        print(json.dumps(aws.environment(), indent=1), flush=True)
        aws._closing.wait()


if __name__ == "__main__":
    main()
