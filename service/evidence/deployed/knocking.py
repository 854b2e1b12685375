"""The canary's requests: a test card number at one entrance of each door, which must answer with the constant refusal. Keeps the answers, for they are searched too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH

SECONDS = 10.0
MOST = 64 * 1024
REFUSED, UNSIGNED, TAKEN = (422, "card_data_refused"), (401, "signature_invalid"), (204, None)
#: Two doors take bodies that others wrote, and never refuse one for what it holds: the signature fails, or the report counts as none.
_UNREAD = {"webhooks": UNSIGNED, "reports": TAKEN}
_SIGNED = {"bls-signature": "0" * 64, "bls-ipn-timestamp": "2031-03-10 17:00:00.000"}


@dataclass(frozen=True)
class Way:
    """A way in: a door's name, and method and path of one operation behind it."""

    door: str
    method: str
    path: str


@dataclass(frozen=True, repr=False)
class Knock:
    """One request, and the answer that it must get: status, and the code of the problem."""

    door: str
    method: str
    target: str
    expected: tuple[int, str | None]
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, repr=False)
class Heard:
    """What came back: every byte of it that a client sees. `status` is None where nothing came."""

    status: int | None
    code: str | None
    raw: bytes

    def is_what(self, expected: tuple[int, str | None]) -> bool:
        """Whether it is the constant answer."""
        return (self.status, self.code) == expected


def knocks(ways: Iterable[Way], number: str) -> list[Knock]:
    """One for each door, and one for what no door is behind: in the path where it has a place, else in the body, else in the query."""
    return [*(_at(way, number) for way in ways), Knock("none", "GET", f"/{number}", REFUSED)]


def _at(way: Way, number: str) -> Knock:
    if way.door in _UNREAD:
        body, headers = (
            f"referenceNumber={number}".encode(),
            {"Content-Type": "application/x-www-form-urlencoded", **_SIGNED},
        )
        return Knock(way.door, way.method, way.path, _UNREAD[way.door], headers, body)
    if "{" in way.path:
        parts = [number if part.startswith("{") else part for part in way.path.split("/")]
        return Knock(way.door, way.method, "/".join(parts), REFUSED)
    if way.method in {"POST", "PUT", "PATCH"}:
        body = json.dumps({"account": number}).encode()
        return Knock(way.door, way.method, way.path, REFUSED, {"Content-Type": "application/json"}, body)
    return Knock(way.door, way.method, f"{way.path}?after={number}", REFUSED)


class Knocker:
    """Asks one deployment, by its own address. No proxy, no redirect, no repetition, no cookie; a certificate is verified."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(total=SECONDS),
            ca_certs=DEFAULT_CA_BUNDLE_PATH,
            cert_reqs="CERT_REQUIRED",
        )

    def ask(self, knock: Knock) -> Heard:
        """The answer, or that there was none."""
        try:
            answer = self._pool.request(
                knock.method,
                self._origin + knock.target,
                body=knock.body,
                headers=knock.headers,
                redirect=False,
                preload_content=False,
            )
            body = answer.read(MOST, decode_content=True)
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return Heard(None, None, b"")
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items()).encode()
        return Heard(answer.status, _code(body), headers + b"\n" + body)


def _code(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else None
