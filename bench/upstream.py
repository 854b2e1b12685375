"""A thin BlueSnap: answers for payment-fields tokens and lists of subscriptions as recorded, after so many milliseconds, over TLS or plain. The simulator would be the bottleneck.

`python -m bench.upstream PORT PLAIN_PORT CERTIFICATE KEY`. At its plain port `POST /_wait/MS` sets the wait, `POST /_subscriptions/N` how many there are, and `GET /_counts` answers
`{"connections", "requests", "waiting", "most"}` since the last wait was set: TLS connections made, requests on them, and how many waited at once.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: The team plan's id in the catalogue's simulator environment (plans.toml).
PLAN = 2340001


class State:
    """What it was told and what it saw."""

    def __init__(self) -> None:
        self.wait, self.subscriptions = 0.0, 0
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
        else:
            self._held(path.decode() if method == b"GET" else None)

    def _told(self, path: str) -> None:
        name, _, value = path.lstrip("/").partition("/")
        if name == "_wait":
            self._state.forget()
            self._state.wait = float(value) / 1000
        elif name == "_subscriptions":
            self._state.subscriptions = int(value)
        self._answer("200 OK", json.dumps(self._state.counts()))

    def _held(self, path: str | None) -> None:
        state = self._state
        state.requests += self._counted
        state.waiting += 1
        state.most = max(state.most, state.waiting)
        asyncio.get_running_loop().call_later(state.wait, self._released, path)

    def _released(self, path: str | None) -> None:
        self._state.waiting -= 1
        if path is not None:
            self._answer("200 OK", json.dumps(_listed(path, self._state.subscriptions)))
            return
        token = f"{secrets.token_hex(32)}_"
        self._answer("201 Created", "", f"Location: /services/2/payment-fields-tokens/{token}\r\n")

    def _answer(self, status: str, body: str, more: str = "") -> None:
        if not self._transport.is_closing():  # type: ignore[attr-defined]
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
            self._transport.write((head + body).encode())  # type: ignore[attr-defined]


def _listed(path: str, number: int) -> dict[str, Any]:
    """A page of all subscriptions, 1 to `number`, as the fillings of ours have them; or the charges of one, which are none."""
    parts = urlsplit(path)
    if parts.path.endswith("/charges"):
        return {"charges": [], "lastPage": True}
    query = parse_qs(parts.query)
    after, size = int(query.get("after", ["0"])[0]), int(query.get("pagesize", ["10"])[0])
    last = min(after + size, number)
    return {"subscriptions": [_subscription(one) for one in range(after + 1, last + 1)], "lastPage": last >= number}


def _subscription(number: int) -> dict[str, Any]:
    return {
        "subscriptionId": number, "planId": PLAN, "vaultedShopperId": number, "status": "ACTIVE", "quantity": 1, "currency": "USD",
        "chargeFrequency": "MONTHLY", "recurringChargeAmount": 290, "autoRenew": True, "nextChargeDate": "2031-04-10",
    }  # fmt: skip


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
