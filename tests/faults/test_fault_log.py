"""The log with every library at DEBUG, as a level set for a whole Lambda function has it: no secret, and no photo."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from faults_clouds import CLOUDS, Cloud

from tests.emulators.faults import Status, WrongSchema


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_what_libraries_log_at_debug_holds_no_secret_and_no_piece_of_a_photo(
    deciding: Any, check_leaks: Any, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = [deciding(cloud).decide("needed")]
    assert made[0].outcome == (200, [])
    for fault in (Status(401), WrongSchema()):
        cloud.always(fault)
        made.append(deciding(cloud).decide("needed"))
    assert {record.levelno for record in caplog.records if record.name != "artemis"} & {logging.DEBUG}
    check_leaks(*made)
