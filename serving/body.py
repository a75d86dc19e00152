"""A request's body from a WSGI server: whole and within its limit, or a clear problem."""

from __future__ import annotations

from base64 import b64encode
from wsgiref.types import InputStream, WSGIEnvironment

from chalicelib.errors import ServiceError, TooLarge


class Unreadable(ServiceError):
    """The request does not arrive as a whole."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.title = status, code, "The request cannot be read"


def read_body(environ: WSGIEnvironment, limit: int) -> bytes:
    """The whole body. Raises TooLarge, having read no more than the limit, or Unreadable."""
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    if chunked and not environ.get("wsgi.input_terminated"):
        raise Unreadable(411, "length-required", "A Content-Length is needed.")
    declared = 0 if chunked else _declared_size(environ)
    body = b""
    if chunked or 0 < declared <= limit:  # a body that says it is too large is not read at all
        body = _read(environ["wsgi.input"], limit + 1 if chunked else declared)
    if max(declared, len(body)) > limit:
        raise TooLarge(f"A body may have {limit} bytes at most.")
    if len(body) < declared:
        raise Unreadable(400, "bad-request", "The body is shorter than its Content-Length.")
    return body


def _declared_size(environ: WSGIEnvironment) -> int:
    declared = environ.get("CONTENT_LENGTH") or "0"
    if declared.isascii() and declared.isdigit() and len(declared) < 20:
        return int(declared)
    raise Unreadable(400, "bad-request", "Content-Length is not a number of bytes.")


def _read(stream: InputStream, size: int) -> bytes:
    try:
        return stream.read(size)
    except (BlockingIOError, TimeoutError):
        raise Unreadable(408, "request-timeout", "The body did not arrive in time.") from None
    except Exception:  # each server has its own errors for a malformed chunk
        raise Unreadable(400, "bad-request", "The body is cut off or wrongly chunked.") from None


def as_text(body: bytes) -> tuple[str | None, bool]:
    """An event's ``body`` and ``isBase64Encoded``."""
    if not body:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return b64encode(body).decode("ascii"), True
