"""The first guard: looks through a whole request before any other code sees it, and refuses one that holds card data. Never repeats or keeps what it finds.

It stands in front of the WSGI app, so that nothing is parsed, stored, logged or sent on that it has not let through.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from service.cardguard import places
from service.cardguard.places import Item, Kind

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]
FAILED = "scan_failed"


class Rule(Protocol):
    """What is found: a rule, by a constant word."""

    @property
    def rule(self) -> str:
        """The word."""


class Detector(Protocol):
    """Who judges what is sent; `service.cardguard.detect` is one."""

    def holds_card(self, data: bytes | str) -> Rule | None:
        """What one value holds."""

    def names_card_data(self, name: str) -> Rule | None:
        """What a name says of its value."""

    def numbers_hold_card(self, values: Iterable[str]) -> Rule | None:
        """What the values that stand side by side make together."""


@dataclass(frozen=True)
class Found:
    """Where card data was found, and by which rule: two constant words, never the value. `error` is what kept the scan from saying."""

    place: str
    rule: str
    error: Exception | None = None


class _Broken(io.RawIOBase):
    """A body whose end never came: whoever reads it is told so, in no words of the client's."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any, /) -> int:
        raise ClientDisconnected


class Gate:
    """A WSGI middleware. `detector` judges what is sent; `refuse` counts, logs and answers, and learns of no value.

    `unread` are method and path of each operation whose body is not looked into, because it takes a closed list of words out of what others
    wrote and drops the rest (an authentic notice is never refused for what it carries). No other body of more than `limit` bytes is read, here or behind.
    """

    def __init__(
        self,
        app: App,
        detector: Detector,
        refuse: Callable[[Environ, Found], App],
        *,
        limit: int,
        unread: Collection[tuple[str, str]],
    ) -> None:
        self._app, self._refuse, self._limit, self._unread = app, refuse, limit, unread
        self._judges: dict[Kind, Callable[[Any], Rule | None]] = {
            Kind.NAME: detector.names_card_data,
            Kind.VALUE: detector.holds_card,
            Kind.NUMBERS: detector.numbers_hold_card,
        }

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Let the request through as it came, but without the headers that nobody here reads; or refuse it."""
        for name in places.UNREAD_HEADERS & environ.keys():
            del environ[name]
        found = self._search(environ)
        answer = self._app if found is None else self._refuse(environ, found)
        return answer(environ, start_response)

    def _search(self, environ: Environ) -> Found | None:
        """A scan that fails refuses: what was not looked through does not come in."""
        place = "path"
        try:
            for item in self._items(environ):
                place = item.place
                found = self._judges[item.kind](item.sent)
                if found is not None:
                    return Found(place, found.rule)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, this guard does not fail open
            return Found(place, FAILED, error)
        return None

    def _items(self, environ: Environ) -> Iterator[Item]:
        yield from places.of_target(environ)
        yield from places.of_headers(environ)
        if (environ["REQUEST_METHOD"], environ.get("PATH_INFO")) not in self._unread:
            raw = self._body(environ)
            yield from places.of_body(raw) if raw else ()

    def _body(self, environ: Environ) -> bytes:
        """Read the body once, and lay it down for the app to read as if it came from the client.

        One that is too large is not read, and the app meets its length without it; one without a length is read up to the limit, at which the
        app finds it too large. Werkzeug decides what a body without a known end is: none.
        """
        try:
            raw = get_input_stream(environ, max_content_length=self._limit).read()
        except RequestEntityTooLarge:
            raw = b""
        except (ParseException, ClientDisconnected):  # broken chunks, or a client that went away
            environ["wsgi.input"] = _Broken()
            return b""
        environ["wsgi.input"] = io.BytesIO(raw)
        return raw
