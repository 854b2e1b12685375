"""Panless and the thinnest proxies over one thin upstream with TLS, for the rows that open checkouts."""

from __future__ import annotations

import contextlib
import json
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import load, serving, stage
from bench.floors import proxy
from dev import postgres
from dev.bootstrap import ROOT
from dev.stack import Stack
from tests.support.certificates import Authority

BODY = {"plan": "team", "members": 12, "purpose": "subscribe"}
_HOST = "localhost"


@dataclass(frozen=True)
class Upstream:
    """The thin BlueSnap: its TLS origin, its plain port, and the authority's file that vouches for it."""

    url: str
    plain: int
    authority: Path

    def wait(self, milliseconds: float) -> None:
        """Answer after so long from now on, and count anew."""
        self._ask(f"/_wait/{milliseconds}", b"")

    def sell(self, subscriptions: int) -> None:
        """List the subscriptions 1 to so many from now on."""
        self._ask(f"/_subscriptions/{subscriptions}", b"")

    def counts(self) -> dict[str, int]:
        """What it saw since."""
        return self._ask("/_counts")

    def _ask(self, path: str, data: bytes | None = None) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.plain}{path}", data, timeout=10) as answer:
            found: dict[str, int] = json.load(answer)
            return found


@contextlib.contextmanager
def upstream(place: Path) -> Iterator[Upstream]:
    """Such a server."""
    authority = Authority(place)
    authority.server_context(_HOST)
    port, plain = serving.free_port(), serving.free_port()
    files = [str(place / f"{_HOST}.{kind}") for kind in ("pem", "key")]
    with serving.served(["-m", "bench.upstream", str(port), str(plain), *files], plain, place / "upstream.log"):
        yield Upstream(f"https://{_HOST}:{port}", plain, authority.file)


@contextlib.contextmanager
def panless(place: Path, above: Upstream, settings: Mapping[str, str], connections: int = 400) -> Iterator[Stack]:
    """Panless over it. The simulator and the worker rest: nobody calls them."""
    known = {"PANLESS_BLUESNAP_URL": above.url, **settings}
    service = (str(ROOT / "bench" / "trusting.py"), str(above.authority))
    with stage.panless(place, known, server={"max_connections": str(connections)}, service=service) as stack:
        stage.rest(stack)
        yield stack


@contextlib.contextmanager
def floor(app: str, stack: Stack, above: Upstream, place: Path, **options: Any) -> Iterator[tuple[int, int]]:
    """The port and the leader of such a proxy, `bare` or `durable`; its table lies on the same server. `options` are those of serving.gunicorn."""
    url = postgres.create_database(stack.database_url, f"floor_{app}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(proxy.TABLES)
    known = {
        "BENCH_UPSTREAM": above.url,
        "BENCH_AUTHORITY": str(above.authority),
        "BENCH_DATABASE_URL": url,
        "BENCH_THREADS": str(options.get("threads", serving.THREADS)),
    }
    port = serving.free_port()
    command = serving.gunicorn(f"bench.floors.proxy:{app}()", port, **options)
    with serving.served(command, port, place / f"{app}.log", known) as process:
        yield port, process.pid


def openings(key: str, number: int) -> list[bytes]:
    """So many requests for a session, each of an account of its own."""
    return [
        load.request(
            "POST", "/v1/checkout-sessions", json.dumps({"account": _account(), **BODY}).encode(),
            Content_Type="application/json", Authorization=f"Bearer {key}", Idempotency_Key=str(uuid.uuid4()),
        )
        for _ in range(number)
    ]  # fmt: skip


def _account() -> str:
    """A new one, in letters: an account may have twelve digits at most."""
    return "acct-" + uuid.uuid4().hex[:20].translate(str.maketrans("0123456789", "ghijklmnop"))
