"""An S3 to test with, emulated. Fixtures of every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it loads moto
    from tests.emulators.s3 import S3


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3]:
    """One for the tests of a module."""
    from tests.emulators.s3 import started

    with started() as running:
        yield running


@pytest.fixture
def s3(s3_server: S3) -> S3:
    """The module's S3, empty."""
    s3_server.clear()
    return s3_server
