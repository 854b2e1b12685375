"""How every call to BlueSnap is made: its arguments checked, its answer judged, its end observed. Must never repeat a call that may have happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TypeVar

import structlog

from service import crashpoints
from service.bluesnap.causes import Cause
from service.bluesnap.credentials import Credentials, Refused
from service.bluesnap.deadlines import calling
from service.bluesnap.outcomes import as_error
from service.bluesnap.transport import Answer, Ask, Timeouts, Transport
from service.errors import BlueSnapError, Unknown

ID = re.compile(r"[1-9][0-9]{0,11}")  # what our database takes: no card number has fewer than 13 digits
MERCHANT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
log = structlog.get_logger()
_PAGE = 100  # items; 500 is allowed, but a hundred full descriptions stay well below the megabyte that we read
_MOST_PAGES = 20


#: What answers is perhaps not BlueSnap: a person must look at once. Nothing was sent to it, or nothing of it was believed.
NOT_ITSELF = frozenset({Cause.CERTIFICATE_REFUSED, Cause.TLS_FAILED, Cause.REDIRECT, Cause.ANOTHERS_ANSWER})
# Told of every finished call: the method's name, how it ended ("ok", or the error class in snake case), and the seconds it took.
Observe = Callable[[str, str, float], object]
_Item = TypeVar("_Item")


class Caller:
    """What the calls of every subject share. Safe to share between threads."""

    def __init__(
        self,
        *,
        base_url: str,
        user: str,
        password: str,
        other: tuple[str, str] | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        observe: Observe | None = None,
        refused: Refused | None = None,
        pool_size: int = 32,
    ) -> None:
        pairs = [(user, password), *([other] if other is not None else [])]
        self._transport = Transport(base_url, Credentials(pairs, refused), timeouts=timeouts, pool_size=pool_size)
        self._observe = observe

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def _make(self, ask: Ask) -> Answer:
        """A call that makes something, or asks for something that is not named in its path."""
        return _successful(self._transport.exchange(ask))

    def _change(self, ask: Ask) -> Answer:
        """A call that changes what its path names, which may turn out not to be there."""
        return _successful(self._transport.exchange(ask), targeted=True)

    def _get(self, path: str, query: dict[str, str] | None = None) -> Answer:
        return self._read(Ask("GET", path, query or {}))

    def _read(self, ask: Ask, until: float | None = None) -> Answer:
        return _successful(self._transport.exchange(ask, until), reading=True)

    def _pages(
        self,
        path: str,
        query: dict[str, str],
        read: Callable[[Answer], tuple[list[_Item], bool | None]],
        id_of: Callable[[_Item], str | None],
    ) -> list[_Item]:
        """Every page, within the deadline of one call. Raises Unknown for a list that turns in a circle or does not end."""
        until = self._transport.deadline()
        found: list[_Item] = []
        query = {**query, "pagesize": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            items, last = read(self._read(Ask("GET", path, query), until))
            found += items
            if is_last(items, _PAGE, last=last):
                return found
            after = id_of(items[-1]) if items else None
            if after is None or after == query.get("after"):
                break
            query = {**query, "after": after}
        raise Unknown(Cause.ENDLESS_LIST)

    @contextmanager
    def _observed(self, call: str) -> Iterator[None]:
        """Reports how the block ended. A broken observer must not lose an answer that is about money."""
        started = monotonic()
        outcome = "interrupted"
        try:
            with calling(call):
                yield
            outcome = "ok"
            crashpoints.reach(f"{call}.answered")
        except BlueSnapError as error:
            _raise_alarm(call, error)
            outcome = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
            raise
        finally:
            if self._observe is not None:
                with suppress(Exception):
                    self._observe(call, outcome, monotonic() - started)


def _raise_alarm(call: str, error: BlueSnapError) -> None:
    if error.cause in NOT_ITSELF:
        log.error("bluesnap.not_itself", call=call, cause=error.cause)


def is_last(items: list[_Item], size: int, *, last: bool | None) -> bool:
    """Whether no page follows: it says so, or it says nothing and is not full."""
    return bool(last) or (last is None and len(items) < size)


def checked(value: str, form: re.Pattern[str]) -> str:
    """An argument that is about to enter a URL, a header or a number. Raises ValueError, without the value."""
    if not form.fullmatch(value):
        raise ValueError("an id or key towards BlueSnap does not have its form")
    return value


def _successful(answer: Answer, *, reading: bool = False, targeted: bool = False) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    raise as_error(answer.status, answer.body, reading=reading, targeted=targeted, html=answer.html)
