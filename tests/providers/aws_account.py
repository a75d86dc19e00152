"""An AWS account for the tests of a module, and what they all ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.errors import ProviderError
from tests.emulators.aws import ERRORS, Aws


@contextmanager
def account() -> Iterator[Aws]:
    """A running AWS and the environment that leads to it: starting one for each test would take too long."""
    with Aws() as aws, pytest.MonkeyPatch.context() as environment:
        for name, value in aws.environment().items():
            environment.setenv(name, value)
        environment.delenv("AWS_PROFILE", raising=False)
        yield aws


def fresh(aws: Aws) -> Aws:
    """The same, as if it had just been started."""
    aws.faults.clear()
    aws.calls.clear()
    aws.answers.clear()
    aws.endpoints.clear()
    aws.latency, aws.taxonomy, aws.errors = 0.0, "7.0", dict(ERRORS)
    return aws


def failure(function: Any, *arguments: Any, **named: Any) -> ProviderError:
    """The ProviderError that a call ends with."""
    with pytest.raises(ProviderError) as caught:
        function(*arguments, **named)
    return caught.value
