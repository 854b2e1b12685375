"""One hardened way out to one host over HTTP. Must never follow, remember, repeat or quote anything that a peer says."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookiePolicy
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from service.bluesnap.causes import NEVER_SENT, Cause
from service.bluesnap.credentials import Credentials
from service.bluesnap.deadlines import POOLS, Attempt, Phase, around, tls_context, watched
from service.bluesnap.origin import USUAL_HEADERS, checked_origin
from service.bluesnap.outcomes import unsent_or_unknown

_BASE_PATH = "/services/2/"
_LARGEST = 1024 * 1024  # bytes, after decompression
_PIECE = 64 * 1024
_WRITING = ("POST", "PUT", "DELETE")
# The pauses before the further attempts. What changes something is made again only if it provably never left: no key of BlueSnap's
# covers a PUT or a DELETE. A GET is made again once after a connection problem.
_PAUSES = {"GET": (0.1,), **dict.fromkeys(_WRITING, (0.1, 0.4))}
_REPEATABLE = {
    "GET": frozenset({Cause.NO_SUCH_HOST, Cause.CONNECTION_REFUSED, Cause.TLS_FAILED, Cause.CONNECTION_BROKEN}),
    **dict.fromkeys(_WRITING, NEVER_SENT - {Cause.CERTIFICATE_REFUSED}),
}
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


@dataclass(frozen=True)
class Timeouts:
    """Seconds. The `charging_` three are for calls that move money, where an authorisation may take 40 s (bluesnap/api.md section 1)."""

    connect: float = 3.0
    read: float = 15.0
    total: float = 20.0
    charging_connect: float = 3.0
    charging_read: float = 60.0
    charging_total: float = 65.0


@dataclass(frozen=True)
class Ask:
    """One request. `path` is relative to /services/2/ and built from checked parts only; `largest` is how long the answer may be, in bytes."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    charging: bool = False
    largest: int = _LARGEST


@dataclass(frozen=True)
class Answer:
    """Status, the two headers that can hold an id, whether it called itself HTML, when it says it was made, and the body. Nothing else is kept."""

    status: int
    location: str = field(repr=False)
    content_location: str = field(repr=False)
    html: bool
    body: bytes = field(repr=False)
    date: str = field(default="", repr=False)


class _NoCookies(CookiePolicy):
    """Neither keeps nor sends a cookie: BlueSnap sets a session cookie that would tie calls together."""

    netscape = True
    rfc2965 = hide_cookie2 = False

    def set_ok(self, _cookie: object, _request: object) -> bool:
        return False

    def return_ok(self, _cookie: object, _request: object) -> bool:
        return False

    def domain_return_ok(self, _domain: str, _request: object) -> bool:
        return False

    def path_return_ok(self, _path: str, _request: object) -> bool:
        return False


class _Session(requests.Session):
    def get_redirect_target(self, _resp: Any) -> None:
        """Says that there is none. Even with allow_redirects=False requests would read the whole body of a redirect into memory."""
        return


class _Adapter(HTTPAdapter):
    """Uses our pools; the certificate check cannot be switched off by an argument."""

    def __init__(self, pool_size: int) -> None:
        self.context = tls_context(DEFAULT_CA_BUNDLE_PATH)  # once, not per connection as requests would
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self.context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def cert_verify(self, conn: Any, _url: object, _verify: object, _cert: object) -> None:
        conn.cert_reqs = "CERT_REQUIRED"

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        original = getattr(resp, "_original_response", None)
        if original is not None and "Set-Cookie" in original.msg:
            del original.msg["Set-Cookie"]  # the parser of cookies prints to stderr what it stumbles over
        return super().build_response(req, resp)


class Transport:
    """Speaks to exactly one scheme, host and port. Safe to share between threads."""

    def __init__(self, base_url: str, credentials: Credentials, *, timeouts: Timeouts, pool_size: int) -> None:
        self._origin = checked_origin(base_url)
        self._credentials = credentials
        self._timeouts = timeouts
        self._session = _Session()
        # no proxy, no netrc (it would replace our Authorization), no certificate bundle from the environment
        self._session.trust_env = False
        self._session.cookies.set_policy(_NoCookies())
        self._session.headers.clear()
        self._session.headers.update(USUAL_HEADERS)
        self._session.adapters.clear()
        self._session.mount(self._origin + "/", _Adapter(pool_size))

    def deadline(self, *, charging: bool = False) -> float:
        """The moment, on the monotonic clock, at which a call that starts now must have ended."""
        own = self._timeouts.charging_total if charging else self._timeouts.total
        return min(monotonic() + own, around())

    def exchange(self, ask: Ask, until: float | None = None) -> Answer:
        """One call and its answer of any status. Raises NeverSent or Unknown; nothing of requests or urllib3 escapes or is chained.

        A call that could hardly connect in the time that is left to what it is part of is not made: whoever settles it later has more of it.
        """
        end = self.deadline(charging=ask.charging) if until is None else until
        if around() - monotonic() < (self._timeouts.charging_connect if ask.charging else self._timeouts.connect):
            raise unsent_or_unknown(Cause.NO_TIME_LEFT)
        for authorization in self._credentials.in_turn():
            answer = self._answered(ask, end, authorization)
            if self._credentials.are_taken(authorization, answer.status):
                break
        return answer

    def _answered(self, ask: Ask, end: float, authorization: str) -> Answer:
        for pause in (*_PAUSES[ask.method], None):
            outcome = self._attempt(ask, end, authorization)
            if isinstance(outcome, Answer):
                return outcome
            cause = outcome
            if pause is None or cause not in _REPEATABLE[ask.method] or monotonic() + pause >= end:
                break
            time.sleep(pause)
        raise unsent_or_unknown(cause)

    def _attempt(self, ask: Ask, until: float, authorization: str) -> Answer | Cause:
        limits = self._timeouts
        connect = limits.charging_connect if ask.charging else limits.connect
        read = limits.charging_read if ask.charging else limits.read
        attempt = Attempt(connect_until=min(monotonic() + connect, until), until=until, read=read)
        request = self._prepared(ask, authorization)
        try:
            with (
                watched(attempt),
                self._session.send(request, stream=True, allow_redirects=False, timeout=(connect, read)) as response,
            ):
                body = _read_bounded(response, ask.largest)
                if body is None:
                    return Cause.ANSWER_TOO_LARGE
                return _answer(response, body)
        except _FAILURES:
            # The exceptions of the library hold URLs, header text and bodies; leaving this block forgets them.
            cause = attempt.ended_by()
        if cause in NEVER_SENT and attempt.phase is not Phase.CONNECTING:
            return Cause.CONNECTION_BROKEN
        return cause

    def _prepared(self, ask: Ask, authorization: str) -> requests.PreparedRequest:
        headers = {"Authorization": authorization}
        if ask.idempotency_key:
            headers["Idempotency-Key"] = ask.idempotency_key
        request = self._session.prepare_request(
            requests.Request(
                ask.method, self._origin + _BASE_PATH + ask.path, params=dict(ask.query), data=ask.body, headers=headers
            )
        )
        built = urlsplit(request.url or "")
        if f"{built.scheme}://{built.netloc}" != self._origin or not built.path.startswith(_BASE_PATH):
            raise ValueError("a request to BlueSnap would have left its host or base path")
        return request

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()


def _read_bounded(response: requests.Response, largest: int) -> bytes | None:
    """The body as far as `largest` bytes after decompression, None beyond. Each read ends with the attempt's deadline."""
    body = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > largest:
            return None
    return bytes(body)


def _answer(response: requests.Response, body: bytes) -> Answer:
    headers = response.headers
    return Answer(
        status=response.status_code,
        location=headers.get("Location", ""),
        content_location=headers.get("Content-Location", ""),
        html="html" in headers.get("Content-Type", "").lower(),
        body=body,
        date=headers.get("Date", ""),
    )
