"""What left over the network: answers to clients, requests to BlueSnap, events to the platform, and the pages of metrics."""

from __future__ import annotations

import base64
import contextlib
import http
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict, mmap_key

from service.evidence import wire
from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Copy, text_of
from service.evidence.sinks.calls import call
from service.evidence.sinks.receiver import Receiver
from service.telemetry import metrics_folder

_PRIVATE = re.compile(rb"[A-Z]+ /v1/")


class Answers:
    """S11."""

    id = "S11"
    name = "answers to clients: every byte of them"

    def __init__(self, traffic: wire.Traffic) -> None:
        self._traffic = traffic
        self._mark = 0

    def mark(self) -> None:
        """Note how many there are."""
        self._mark = self._traffic.mark()

    def read(self) -> Iterator[Piece]:
        """Each answer as it came, and its body as a client puts it together where it came in chunks."""
        for number, exchange in enumerate(self._traffic.since(self._mark), self._mark + 1):
            answer = exchange.answer
            yield Piece(f"answer {number} ({exchange.case})", answer.raw, 1)
            if answer.body not in answer.raw:
                yield Piece(f"answer {number} ({exchange.case}), body", answer.body, 1)

    def plant(self, value: bytes) -> None:
        """An answer with the value in a header."""
        raw = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nX-Planted: " + value + b"\r\nContent-Length: 0\r\n\r\n"
        self._traffic.record("planted", b"", wire.understand(raw))


class Cacheable:
    """S26. Pages in a browser are no part of the service; what it answers decides what a cache may keep."""

    id = "S26"
    name = "answers that a cache may keep; there must be none from the API"

    def __init__(self, traffic: wire.Traffic) -> None:
        self._traffic = traffic
        self._mark = 0

    def mark(self) -> None:
        """Note how many answers there are."""
        self._mark = self._traffic.mark()

    def read(self) -> Iterator[Piece]:
        """The answers that do not forbid it. Raises SinkError after the last if one of them was to a call of the API."""
        wrong = []
        for number, exchange in enumerate(self._traffic.since(self._mark), self._mark + 1):
            kept = exchange.answer.header("Cache-Control") or ""
            if exchange.answer.status is None or "no-store" in kept.lower():
                continue
            yield Piece(f"cacheable answer {number} ({exchange.case})", exchange.answer.raw, 1)
            if _PRIVATE.match(exchange.sent):
                wrong.append(f"{number} ({exchange.case}, status {exchange.answer.status})")
        if wrong:
            raise SinkError(f"{len(wrong)} answers of the API lack Cache-Control: no-store: {', '.join(wrong[:10])}")

    def plant(self, value: bytes) -> None:
        """An answer to another address that says nothing of caches."""
        raw = b"HTTP/1.1 200 OK\r\nX-Planted: " + value + b"\r\nContent-Length: 0\r\n\r\n"
        self._traffic.record("planted", b"GET /planted HTTP/1.1\r\n\r\n", wire.understand(raw))


class Provider:
    """S12. What the payer typed for BlueSnap, and payment-fields tokens, arrive there rightly: the caller searches for canaries that must not."""

    id = "S12"
    name = "requests to BlueSnap: method, address, headers and body, as the simulator got them"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._last = 0

    def mark(self) -> None:
        """Note the last one."""
        told = self._copy.lever("received")
        self._last = told["dropped"] + len(told["requests"])

    def read(self) -> Iterator[Piece]:
        """Each request since. Raises SinkError if the simulator has forgotten some of them already."""
        told = self._copy.lever("received")
        if told["dropped"] > self._last:
            raise SinkError(f"the simulator has forgotten {told['dropped'] - self._last} requests: read more often")
        for request in told["requests"]:
            if request["n"] > self._last:
                yield Piece(f"request {request['n']} ({request['call'] or 'no known call'})", _as_sent(request), 1)

    def plant(self, value: bytes) -> None:
        """A request with the value as its body."""
        call(f"{self._copy.simulator}/services/2/planted", raw=value)


class Events:
    """S13. The platform's events are the only calls to anybody else."""

    id = "S13"
    name = "events told to the platform, as its own receiver got them"

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._mark = 0

    def mark(self) -> None:
        """Note how many there are."""
        self._mark = len(self._receiver.requests)

    def read(self) -> Iterator[Piece]:
        """Each since."""
        for number, raw in enumerate(self._receiver.requests[self._mark :], self._mark + 1):
            yield Piece(f"event {number}", raw, 1)

    def plant(self, value: bytes) -> None:
        """A call of the receiver."""
        call(self._receiver.url, raw=value)


class Metrics:
    """S14."""

    id = "S14"
    name = "the pages of metrics of service and worker: names, labels, values"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy

    def mark(self) -> None:
        """Counters cannot be told apart by age: only what was planted is taken away."""
        for file in self._planted():
            file.unlink()

    def read(self) -> Iterator[Piece]:
        """Both pages. Raises SinkError if one is not to be had."""
        for name, url in zip(("service", "worker"), self._copy.metrics, strict=True):
            status, page = call(url)
            if status != http.HTTPStatus.OK:
                raise SinkError(f"the {name}'s metrics are not answered")
            yield Piece(f"metrics of the {name}", page, 1)

    def plant(self, value: bytes) -> None:
        """A counter with the value as a label, in the folder where the workers' metrics meet. Raises SinkError if it is no text."""
        text = text_of(value)
        for folder in self._folders():
            key = mmap_key("evidence", "evidence_total", ["planted"], [text], "Planted")
            kept = MmapedDict(str(folder / _PLANT))  # type: ignore[no-untyped-call]
            kept.write_value(key, 1.0, 0.0)  # type: ignore[no-untyped-call]
            kept.close()  # type: ignore[no-untyped-call]
            return
        raise SinkError("the folder where the workers' metrics meet is not there")

    def _planted(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            for folder in self._folders():
                yield from folder.glob(_PLANT)

    def _folders(self) -> Iterator[Path]:
        """Where the workers' metrics meet: the folder of the running master."""
        [master, *_] = self._copy.processes()["service"]
        for parent in (metrics_folder.MEMORY, self._copy.temporary):
            yield from parent.glob(f"{metrics_folder.PREFIX}{master}-*")


_PLANT = "counter_evidence.db"


def _as_sent(request: Mapping[str, Any]) -> bytes:
    """Line by line, with the very bytes of the body; of the hosted fields' own call, which holds a card by right, the simulator keeps no body."""
    lines = [f"{request['method']} {request['path']}?{request['query']}"]
    lines += [f"{name}: {value}" for name, value in request["headers"]]
    coded, body = request.get("body_base64"), request["body"] or ""
    return "\n".join([*lines, "", ""]).encode() + (base64.b64decode(coded) if coded else body.encode())
