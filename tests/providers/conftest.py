"""An AWS account for each module that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aws_account import account, fresh

from tests.emulators.aws import Aws


@pytest.fixture(scope="module")
def running() -> Iterator[Aws]:
    with account() as aws:
        yield aws


@pytest.fixture
def aws(running: Aws) -> Aws:
    return fresh(running)
