"""The provider `http` over TLS: whose certificate it takes."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from http_asking import failure

from chalicelib.providers.http import Http
from tests.emulators.kserve import KServe


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and its own signature, good for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "models")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with KServe() as kserve:
        assert kserve._server is not None
        kserve._server.socket = context.wrap_socket(kserve._server.socket, server_side=True)
        yield kserve.url.replace("http:", "https:")


def test_a_certificate_that_nobody_vouches_for_is_not_taken(url: str) -> None:
    asked = Http({"models": {"m": {"url": f"{url}/plain/models/linear"}}})
    error = failure(lambda: asked.predict("m", [{"a": 1}]))
    assert (error.code, error.attempts) == ("unreachable", 1)
    assert "certificate" in str(error)


def test_a_private_authority_is_named_by_the_environment(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked = Http({"models": {"m": {"url": f"{url}/plain/models/linear"}}})
    assert asked.predict("m", [{"a": 1}]).result[0].value == 1
