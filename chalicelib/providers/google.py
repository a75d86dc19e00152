"""What the providers of Google's REST APIs share: credentials, a request with its retries, and errors in our words.

    rest = Rest("Vertex AI", settings, "https://…")        once per process; nothing is loaded or connected yet
    talk = rest.talk(asking)                               once per call of a capability
    talk.ask("POST", "/v1/projects/{project}/…", body)     a JSON object, or ProviderError

Credentials are those of the platform (google.auth.default). All threads share one session, as Google's own clients
do (``google.cloud.client``): its connection pool is thread-safe, and what is not stays untouched here: cookies are
refused, redirects are not followed, and a token is renewed by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.asking import Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.google_errors import RestError, refusal, translated
from chalicelib.providers.google_json import read_object, written
from chalicelib.providers.google_settings import GoogleSettings

if TYPE_CHECKING:
    from requests import Response

T = TypeVar("T")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ANSWER_BYTES = 64 * 2**20  # BigQuery's pages are 10 MB at most; more is no answer of these APIs
CONNECTIONS = 32  # kept open: as many as tasks run at once (chalicelib.workers)
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between attempts, at most; the real ones are drawn from 0 to that


class Rest:
    """One Google API, for a whole process. ``service`` is its name in messages, ``base`` its address."""

    def __init__(self, service: str, settings: GoogleSettings, base: str) -> None:
        self.service, self.base = service, settings.endpoint or base
        self.timeout, self.attempts = settings.timeout, settings.attempts
        self._project = settings.project
        self._lock = Lock()
        self._session: Any = None  # an AuthorizedSession

    def talk(self, asking: Asking) -> Talk:
        """Begin what one call of a capability has to say."""
        return Talk(self, asking)

    def session(self, seconds: float) -> tuple[Any, str]:
        """The session, with a valid token, and the project's id. Waits ``seconds`` at most for another thread."""
        session = self._session
        if session is None or not session.credentials.valid:
            if not self._lock.acquire(timeout=seconds):
                raise RestError(f"{self.service}: no token in time", "timeout")
            try:
                session = self._renewed(seconds)
            finally:
                self._lock.release()
        if self._project is None:
            raise RestError(
                f"{self.service}: neither the stage file nor the credentials name a project", "not-configured"
            )
        return session, self._project

    def _renewed(self, seconds: float) -> Any:
        if self._session is None:
            self._session, project = _session()
            self._project = self._project or project
        if not self._session.credentials.valid:
            self._refresh(self._session.credentials, seconds)
        return self._session

    def _refresh(self, credentials: Any, seconds: float) -> None:
        from google.auth.exceptions import GoogleAuthError

        try:
            credentials.refresh(partial(_token_request(), timeout=seconds))
        except GoogleAuthError:
            raise
        except (TypeError, ValueError, AttributeError):  # it takes whatever it is answered for an object
            said = f"{self.service}: the token's server answered something that is no token"
            raise RestError(said, "bad-answer") from None


class Talk:
    """The requests of one call of a capability. ``attempts``: how many were sent, retries included."""

    def __init__(self, rest: Rest, asking: Asking) -> None:
        self._rest, self._asking = rest, asking
        self._uncounted = False
        self.attempts = 0

    def left(self) -> float:
        """Seconds that the next request may take. Raises ProviderError (timeout) when there are none."""
        seconds = min(self._rest.timeout, self._asking.left())
        if seconds <= 0:
            raise ProviderError(f"no time left to ask {self._rest.service}", "timeout", self.attempts)
        return seconds

    def ready(self) -> None:
        """Have a token: for who tells the server how long it may take, before the time is measured."""

        def act() -> None:
            with translated(self._rest.service):  # here, since a retry decides by our words and drops the cause
                self._rest.session(self.left())

        self._persistently(act)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        base: str | None = None,
        part: bool = False,
    ) -> dict[str, Any]:
        """Send a request, again while it may help and time is left, and return the answer's JSON object.

        Raises ProviderError. Args:
            path: ``{project}`` in it stands for the project.
            base: another address than the API's.
            part: it belongs to a request that is counted already: a further page, a question how far a job is.
        """
        self._uncounted = part
        url = (base or self._rest.base) + path
        return self._persistently(lambda: self._send(method, url, params, body))

    def _persistently(self, act: Callable[[], T]) -> T:
        waits, failed = _Waits(), 0

        def again(error: Exception) -> bool:
            nonlocal failed
            failed += 1
            return isinstance(error, RestError) and error.again and failed < self._rest.attempts

        try:
            with translated(self._rest.service):
                return _retried(act, again, waits, self._asking.left())
        except ProviderError as error:  # anew: its class is our own business, and is shown where it is not caught
            raise ProviderError(str(error), error.code, self.attempts) from None

    def _send(self, method: str, url: str, params: Mapping[str, str] | None, body: Any) -> dict[str, Any]:
        from urllib3 import Timeout

        service, seconds = self._rest.service, self.left()
        data = None if body is None else written(service, body)
        until = perf_counter() + seconds
        with translated(service):
            session, project = self._rest.session(seconds)
            self._count()
            with session.request(
                method,
                url.replace("{project}", project),
                params=params,
                data=data,
                headers={"Content-Type": "application/json"},
                timeout=Timeout(total=max(0.001, until - perf_counter())),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = _read(service, response, until)
        if response.status_code != 200:
            raise refusal(service, response.status_code, response.headers, answer)
        return read_object(service, answer)

    def _count(self) -> None:
        self.attempts += not self._uncounted
        self._uncounted = False


class _Waits(Iterator[float]):
    """Seconds to wait before each further attempt: growing and random, and at least what the answer asked for."""

    def __init__(self) -> None:
        self._usual: Iterator[float] | None = None
        self._asked = 0.0

    def heed(self, error: Exception) -> None:
        self._asked = error.wait if isinstance(error, RestError) else 0.0

    def __next__(self) -> float:
        from google.api_core.retry import exponential_sleep_generator

        self._usual = self._usual or exponential_sleep_generator(FIRST_WAIT, LONGEST_WAIT)
        return float(max(next(self._usual), self._asked))


def _retried(act: Callable[[], T], again: Callable[[Exception], bool], waits: _Waits, left: float) -> T:
    from google.api_core.retry import retry_target

    timeout = None if left == inf else left
    answer: T = retry_target(act, again, waits, timeout, on_error=waits.heed, exception_factory=_last)
    return answer


def _last(errors: list[Exception], *_: Any) -> tuple[Exception, None]:
    return errors[-1], None


def _session() -> tuple[Any, str | None]:
    from http.cookiejar import DefaultCookiePolicy

    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter

    credentials, project = google.auth.default(scopes=[SCOPE])
    session: Any = AuthorizedSession(  # type: ignore[no-untyped-call]
        credentials, max_refresh_attempts=1, auth_request=_token_request()
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session, project


def _token_request() -> Callable[..., Any]:
    """What a token is fetched with: a server's failure is ours to retry, as google-auth would sleep past a deadline."""
    from google.auth.exceptions import TransportError
    from google.auth.transport import DEFAULT_RETRYABLE_STATUS_CODES
    from google.auth.transport.requests import Request

    fetch = Request()

    def request(*arguments: Any, **options: Any) -> Any:
        response = fetch(*arguments, **options)
        if response.status in DEFAULT_RETRYABLE_STATUS_CODES:
            raise TransportError("the token's server fails", response.status)  # type: ignore[no-untyped-call]
        return response

    return request


def _read(service: str, response: Response, until: float) -> bytes:
    """The body. A server that sends a little now and then would keep any timeout of a single read from ending."""
    pieces, size = [], 0
    while piece := response.raw.read1(65536, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES:
            raise RestError(f"{service} answered more than {ANSWER_BYTES} bytes", "bad-answer")
        if perf_counter() > until:
            raise RestError(f"{service} did not finish its answer in time", "timeout", again=True)
    return b"".join(pieces)
