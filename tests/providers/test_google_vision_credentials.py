"""Where Google Vision's credentials come from, and what happens without them.

Each case is a process of its own: the libraries read their environment once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
from vision_asking import EVERYTHING, SAMPLES

from tests.emulators.relay import silent_port
from tests.emulators.server import closed_port
from tests.emulators.vision import VisionEmulator

ROOT = Path(__file__).parents[2]

ASK = """
import json, logging, sys, time
from chalicelib.asking import Asking
from chalicelib.errors import ProviderError
from chalicelib.photo import Photo
from chalicelib.providers.google_vision import GoogleVision
logging.basicConfig()
photo, started = Photo.open(sys.argv[1]), time.perf_counter()
try:
    answer = GoogleVision({"endpoint": sys.argv[2] or None}).labels(photo, Asking(until=started + float(sys.argv[3])))
    print(json.dumps([answer.result[0].name, answer.attempts]))
except ProviderError as error:
    print(json.dumps([error.code, error.attempts, str(error), time.perf_counter() - started]))
"""


def ask(endpoint: str, seconds: float, home: Path, **environment: object) -> tuple[list[object], str]:
    """What a process with these variables, and no others of Google's, gets; and what it logs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GCE_", "GRPC_"))}
    kept |= {"CLOUDSDK_CONFIG": str(home), "HOME": str(home)} | {name: str(at) for name, at in environment.items()}
    command = [sys.executable, "-c", ASK, str(SAMPLES / "portrait.jpg"), endpoint, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout), done.stderr


def test_without_credentials_it_says_what_to_give(tmp_path: Path) -> None:
    said, _ = ask("", 20, tmp_path, NO_GCE_CHECK="true")
    assert said[:2] == ["credentials", 0]
    assert "Application Default Credentials" in str(said[2])


def test_a_metadata_server_that_is_silent_keeps_nobody_past_the_deadline(tmp_path: Path) -> None:
    with silent_port() as port:
        host = f"127.0.0.1:{port}"
        said, _ = ask("", 1.5, tmp_path, GCE_METADATA_HOST=host, GCE_METADATA_IP=host)
    assert said[:2] == ["timeout", 0]
    assert float(str(said[3])) < 5


class Tls:
    """A certificate for this machine, and an account's key."""

    def __init__(self, folder: Path) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        self._key = rsa.generate_private_key(65537, 2048)
        self.key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.certificate = self._sign().public_bytes(serialization.Encoding.PEM)
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(self.certificate)

    def _sign(self) -> Any:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, self._key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        builder = builder.add_extension(address, False)
        return builder.add_extension(x509.BasicConstraints(True, None), True).sign(self._key, hashes.SHA256())


def account(folder: Path, **members: str) -> Path:
    path = folder / "account.json"
    path.write_text(json.dumps(members))
    return path


def test_over_tls_a_service_account_signs_its_own_token(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    file = account(
        tmp_path,
        type="service_account",
        project_id="p",
        private_key_id="1",
        private_key=tls.key.decode(),
        client_email="a@p.iam.gserviceaccount.com",
        token_uri=closed_port(),  # never asked
    )
    with VisionEmulator(grpc.ssl_server_credentials([(tls.key, tls.certificate)])) as vision:
        vision.canned = EVERYTHING
        roots = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": tls.roots, "GOOGLE_APPLICATION_CREDENTIALS": file}
        said, _ = ask(vision.url, 30, tmp_path, **roots)
    assert said == ["dog", 1]
    assert vision.calls[0]["authorization"] == "Bearer"


def test_a_token_that_cannot_be_got_is_a_matter_of_credentials_and_not_logged(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    file = account(tmp_path, type="authorized_user", client_id="a", client_secret="hidden-word", refresh_token="b")
    with VisionEmulator(grpc.ssl_server_credentials([(tls.key, tls.certificate)])) as vision:
        variables = {
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": tls.roots,
            "GOOGLE_APPLICATION_CREDENTIALS": file,
            "HTTPS_PROXY": closed_port(),
            "NO_PROXY": "127.0.0.1",
        }
        said, logged = ask(vision.url, 30, tmp_path, **variables)
    assert said[:2] == ["credentials", 1]
    assert (vision.calls, logged) == ([], "")
