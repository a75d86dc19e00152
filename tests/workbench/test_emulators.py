"""The emulators' own process: what it tells whoever started it, and that it never outlives them."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from chalicelib.providers import PROVIDERS
from chalicelib.settings import endpoints
from workbench.emulators import emulating
from workbench.project import Project
from workbench.trial import BUCKET

ROOT = Path(__file__).resolve().parents[2]


def test_they_tell_where_they_are_have_the_samples_and_end_with_whoever_started_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulating(Project(ROOT)) as emulators:
        for name, value in emulators.variables.items():
            monkeypatch.setenv(name, value)
        listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        assert {"portrait.jpg", "landscape.jpg", "contact.jpg"} <= {entry["Key"] for entry in listed}
        urls = endpoints(emulators.variables, PROVIDERS)
        assert urls.keys() == PROVIDERS.keys() - {"local", "recorded"}  # every provider of a cloud is kept from it
        for url in urls.values():
            socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10).close()
    for url in urls.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10)
