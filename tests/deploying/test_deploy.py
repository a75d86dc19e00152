"""Stages deployed from end to end to an emulated AWS account."""

from __future__ import annotations

import json

import boto3
from conftest import run

from tests.emulators.cloud import Cloud
from workbench.project import Project


def test_first(cloud: Cloud, project: Project) -> None:
    done = run("deploy", "--stage", "staging", "--yes")
    print(done.output)
    assert done.exit_code == 0, done.output
    print([c for c in cloud.calls])
    print((project.root / ".artemis/deployments/staging.json").read_text())
    assert 0
