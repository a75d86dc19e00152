"""AWS through botocore: clients and errors, over a real socket."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import boto3
import pytest
from aws_account import failure, fresh
from pydantic import ValidationError

from chalicelib.providers import aws as providers_aws
from chalicelib.providers.aws import AwsSettings, call, client, read
from tests.emulators.aws import ACCOUNT, REGION, Aws
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status
from tests.emulators.server import closed_port

ROOT = Path(__file__).parents[2]
IMAGE = {"Bytes": b"a picture"}


@pytest.fixture
def aws(running: Aws) -> Aws:
    running = fresh(running)
    running.answers["DetectFaces"] = {"FaceDetails": []}
    return running


def rekognition(aws: Aws, **settings: Any) -> Any:
    return client("rekognition", AwsSettings(**{"endpoint": aws.url, "timeout": 30, **settings}))


def detect(client: Any) -> dict[str, Any]:
    return call(client, "detect_faces", Image=IMAGE)


# Clients


def test_sixteen_threads_get_one_client_which_is_made_once_and_serves_them_all(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Slow(boto3.Session):
        def client(self, *arguments: Any, **named: Any) -> Any:
            made.append(arguments[0])
            sleep(0.1)  # so that all threads ask while it is made
            return super().client(*arguments, **named)

    monkeypatch.setattr(boto3, "Session", Slow)
    monkeypatch.setattr(providers_aws, "_SESSION", [])
    aws.latency = 0.05
    with ThreadPoolExecutor(16) as threads:
        clients = list(threads.map(lambda _: rekognition(aws, timeout=30), range(16)))
        answers = list(threads.map(detect, clients))
    assert made == ["rekognition"]
    assert all(one is clients[0] for one in clients)
    assert [answer["FaceDetails"] for answer in answers] == [[]] * 16
    assert len(aws.calls) == 16


def test_other_settings_are_another_client(aws: Aws) -> None:
    assert rekognition(aws) is rekognition(aws)
    assert rekognition(aws, attempts=2) is not rekognition(aws)
    assert client("s3", AwsSettings(endpoint=aws.url)) is not rekognition(aws)


def test_the_region_and_the_endpoint_come_from_the_environment_where_the_settings_are_silent(aws: Aws) -> None:
    silent = client("rekognition", AwsSettings())
    assert silent.meta.region_name == REGION
    assert silent.meta.endpoint_url == aws.url
    assert detect(silent)["FaceDetails"] == []
    assert client("rekognition", AwsSettings(region="us-west-2")).meta.region_name == "us-west-2"


def test_aws_region_is_enough_of_a_region(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers_aws, "_SESSION", [])
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.delenv("AWS_DEFAULT_REGION")  # botocore reads only this one; ECS sets only the other
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert client("rekognition", AwsSettings(timeout=32)).meta.region_name == "eu-north-1"


def test_without_credentials_a_call_says_so_and_the_next_one_looks_again(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers_aws, "_SESSION", [])
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        without.setenv("AWS_CONFIG_FILE", "/nowhere")
        error = failure(rekognition, aws, timeout=31)
    assert (error.code, error.attempts) == ("credentials", 0)
    assert detect(rekognition(aws, timeout=31))["FaceDetails"] == []


@pytest.fixture
def nowhere(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing around us names a region."""
    monkeypatch.setattr(providers_aws, "_SESSION", [])
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


@pytest.mark.parametrize("endpoint", ["nonsense", "http://rekognition.example", "https://user:word@aws.example"])
def test_an_endpoint_is_an_address_that_photos_and_keys_may_be_sent_to(endpoint: str) -> None:
    with pytest.raises(ValidationError):
        AwsSettings(endpoint=endpoint)


def test_a_client_that_cannot_be_made_is_not_configured(nowhere: None) -> None:
    error = failure(client, "textract", AwsSettings(region="not a region"))
    assert (error.code, error.attempts) == ("not-configured", 0)
    assert "check region and endpoint" in str(error)


@pytest.mark.parametrize(("service", "provider"), [("rekognition", "rekognition"), ("sagemaker-runtime", "sagemaker")])
def test_without_a_region_it_is_said_where_to_set_one(nowhere: None, service: str, provider: str) -> None:
    error = failure(client, service, AwsSettings(timeout=33))
    assert (error.code, error.attempts) == ("not-configured", 0)
    assert str(error) == f"no AWS region: set region under provider_settings.{provider}, or AWS_DEFAULT_REGION"


def test_importing_the_providers_imports_no_client_library() -> None:
    code = """
import sys
import chalicelib.providers.aws, chalicelib.providers.rekognition as rekognition, chalicelib.providers.sagemaker as made
rekognition.Rekognition({}), made.SageMaker({})
print(sorted({"boto3", "botocore", "urllib3", "requests"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# Errors


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Delay(30), "timeout"),
        (Refuse(), "unreachable"),
        (Reset(), "unreachable"),
        (Status(400), "refused"),
        (Status(401), "credentials"),
        (Status(403), "credentials"),
        (Status(429), "throttled"),
        (Status(500), "server-error"),
        (Status(503), "server-error"),
        (Garbage(), "bad-answer"),
    ],
)
def test_each_fault_has_its_code_and_its_message_says_nothing_of_the_account(aws: Aws, fault: Fault, code: str) -> None:
    aws.faults.always(fault)
    timeout = 0.3 if isinstance(fault, Delay) else 30
    error = failure(detect, rekognition(aws, attempts=1, timeout=timeout))
    assert (error.code, error.attempts, len(aws.calls)) == (code, 1, 1)
    assert str(error).startswith("rekognition detect_faces: ")
    assert ACCOUNT not in str(error) and "arn:" not in str(error)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ThrottlingException", "throttled"),
        ("ProvisionedThroughputExceededException", "throttled"),
        ("TooManyRequestsException", "throttled"),
        ("ExpiredTokenException", "credentials"),
        ("UnrecognizedClientException", "credentials"),
        ("AccessDeniedException", "credentials"),
        ("InvalidImageFormatException", "refused"),
        ("ImageTooLargeException", "refused"),
        ("InvalidParameterException", "refused"),
        ("InvalidS3ObjectException", "refused"),
        ("ValidationException", "refused"),
        ("SomethingNewException", "refused"),
    ],
)
def test_an_error_of_status_400_has_the_code_of_its_name(aws: Aws, name: str, code: str) -> None:
    aws.errors[400] = name
    aws.faults.then(Status(400))
    error = failure(detect, rekognition(aws, attempts=1))
    assert (error.code, str(error)) == (code, f"rekognition detect_faces: {name} (status 400)")


def test_nobody_listening_is_unreachable(aws: Aws) -> None:
    error = failure(detect, client("rekognition", AwsSettings(endpoint=closed_port(), attempts=2)))
    assert (error.code, error.attempts) == ("unreachable", 2)


def test_an_argument_of_the_wrong_type_is_refused_and_nothing_is_sent(aws: Aws) -> None:
    error = failure(call, rekognition(aws), "detect_faces", Image={"Bytes": 1})
    assert (error.code, error.attempts, aws.calls) == ("refused", 0, [])


def test_a_stream_that_breaks_off_is_unreachable(aws: Aws) -> None:
    aws.put("member-photos", "a.jpg", b"x" * 3_000_000)
    s3 = client("s3", AwsSettings(endpoint=aws.url))
    found = call(s3, "get_object", Bucket="member-photos", Key="a.jpg")
    assert read(found, s3) == b"x" * 3_000_000
    aws.faults.then(Reset())
    broken = call(s3, "get_object", Bucket="member-photos", Key="a.jpg")
    assert failure(read, broken, s3).code == "unreachable"


def test_an_object_that_is_not_there_is_refused(aws: Aws) -> None:
    aws.put("member-photos", "a.jpg", b"x")
    s3 = client("s3", AwsSettings(endpoint=aws.url))
    assert failure(call, s3, "get_object", Bucket="member-photos", Key="none.jpg").code == "refused"
