"""A thin BlueSnap: answers every request for a payment-fields token as recorded, after so many milliseconds, over TLS or plain. The simulator would be the bottleneck.

`python -m bench.upstream PORT PLAIN_PORT CERTIFICATE KEY`. At its plain port `POST /_wait/MS` sets the wait, and `GET /_counts` answers
`{"connections", "requests", "waiting", "most"}` since the last wait was set: TLS connections made, requests on them, and how many waited at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import ssl
import sys

_TOKENS = itertools.count(1)


class State:
    """What it was told and what it saw."""

    def __init__(self) -> None:
        self.wait = 0.0
        self.forget()

    def forget(self) -> None:
        """Count from here."""
        self.connections = self.requests = self.most = 0
        self.waiting = 0

    def counts(self) -> dict[str, int]:
        """What is told."""
        return {
            "connections": self.connections, "requests": self.requests, "waiting": self.waiting, "most": self.most,
        }  # fmt: skip


class Upstream(asyncio.Protocol):
    """One connection; requests with a body of known length or none, one at a time."""

    def __init__(self, state: State, *, counted: bool) -> None:
        self._state, self._counted, self._data = state, counted, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        self._transport = transport
        self._state.connections += self._counted

    def data_received(self, data: bytes) -> None:
        """A request, once it is whole."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._data = b""
        method, path, _ = head.split(b" ", 2)
        if path.startswith(b"/_"):
            self._told(path.decode())
        elif method == b"GET":
            self._answer("404 Not Found", "")
        else:
            self._held()

    def _told(self, path: str) -> None:
        name, _, value = path.lstrip("/").partition("/")
        if name == "_wait":
            self._state.forget()
            self._state.wait = float(value) / 1000
        self._answer("200 OK", json.dumps(self._state.counts()))

    def _held(self) -> None:
        state = self._state
        state.requests += self._counted
        state.waiting += 1
        state.most = max(state.most, state.waiting)
        asyncio.get_running_loop().call_later(state.wait, self._released)

    def _released(self) -> None:
        self._state.waiting -= 1
        token = f"{secrets.token_hex(32)}_"
        self._answer("201 Created", "", f"Location: /services/2/payment-fields-tokens/{token}\r\n")

    def _answer(self, status: str, body: str, more: str = "") -> None:
        if not self._transport.is_closing():  # type: ignore[attr-defined]
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
            self._transport.write((head + body).encode())  # type: ignore[attr-defined]


def _length(head: bytes) -> int:
    found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0].split(b":")[1]) if found else 0


async def main(port: int, plain: int, certificate: str, key: str) -> None:
    """Serve until killed."""
    state, loop = State(), asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    await loop.create_server(lambda: Upstream(state, counted=True), "127.0.0.1", port, ssl=context, backlog=4096)
    server = await loop.create_server(lambda: Upstream(state, counted=False), "127.0.0.1", plain, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
