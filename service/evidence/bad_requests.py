"""HTTP spoken wrongly, at every address that we listen on: most of it never reaches the app, and what the server says and logs of it must be constant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from service.evidence import belongings, wire
from service.evidence.canaries import marker
from service.evidence.trying import CARDS, Attempt, Sender

GROUP = "Requests that are not HTTP, or not for us"
_ASKED = b"GET /v1/accounts/a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_SENT = b"POST /v1/checkout-sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
#: What each is, and its bytes; `{}` is where the value stands.
REQUESTS: Mapping[str, bytes] = {
    "a line that is no request": b"{}\r\n\r\n",
    "method": b"M{} /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "unknown path": b"GET /pay/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "version": b"GET /healthz HTTP/{}\r\nHost: 127.0.0.1\r\n\r\n",
    "fragment": b"GET /healthz#{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "absolute address": b"GET http://{}.example/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "host": b"GET /healthz HTTP/1.1\r\nHost: {}.example\r\n\r\n",
    "header without a colon": _ASKED + b"{}\r\n\r\n",
    "illegal name of a header": _ASKED + b"X-({}): 1\r\n\r\n",
    "folded header": _ASKED + b"X-Note: a\r\n {}\r\n\r\n",
    "transfer coding": _SENT + b"Transfer-Encoding: {}\r\n\r\n[]",
    "content length": _SENT + b"Content-Length: {}a\r\n\r\n",
    "size of a chunk": _SENT + b"Transfer-Encoding: chunked\r\n\r\n{}x\r\n[]\r\n0\r\n\r\n",
    "expectation": _SENT + b"Expect: {}\r\nContent-Length: 2\r\n\r\n[]",
    "content encoding": _SENT + b"Content-Encoding: {}\r\nContent-Length: 2\r\n\r\n[]",
    "line that is too long": b"GET /" + b"a" * 1_100 + b"{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "header that is too long": _ASKED + b"X-Note: " + b"a" * 8_200 + b"{}\r\n\r\n",
    "too many headers": _ASKED + b"".join(b"X-Note-%d: {}\r\n" % number for number in range(110)) + b"\r\n",
    "second request on the line": _ASKED + b"\r\n{}\r\n\r\n",
    "head that never ends": _ASKED + b"X-Note: {}",
}


def attempts(service: str, others: Mapping[str, str], traffic: wire.Traffic) -> Iterator[Attempt]:
    """Each bad request to each address: a card number twice, then a marker. `others` are the addresses of metrics, by name."""
    for name, url in {"service": service, **others}.items():
        parts = urlsplit(url)
        sender = _Sender((parts.hostname or "", parts.port or 0), traffic)
        for index, (what, request) in enumerate(REQUESTS.items()):
            entrance, card = f"{name} · {what}", CARDS[index % len(CARDS)]
            dashed = "-".join(card.text[start : start + 4] for start in range(0, len(card.text), 4))
            word = belongings.canary(belongings.MARKER, entrance, marker())
            for form, canary, value in (
                ("plain", card, card.text),
                ("groups with dashes", card, dashed),
                ("marker", word, word.text),
            ):
                raw = request.replace(b"{}", value.encode())
                yield sender.attempt(GROUP, entrance, (form, canary, raw), turned_away)


class _Sender(Sender):
    """Closes its side after the last byte: some of these would else be waited for."""

    finish = True


def turned_away(answer: wire.Answer) -> str:
    """Refused, also as unknown (501, 505), or not answered at all; a first request that is in order may be answered as such."""
    fine = answer.status is None or answer.status < 500 or answer.status in {501, 505}
    return "" if fine else f"answered with {answer.status}"
