"""What a deployed page is at a moment: its security headers and every script that it is known to load, each by its digests. Never runs a script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from service.page import reading, strictness
from service.page.fetching import Fetched, UnreadError
from service.page.inventory import Deployment, Profile, known_scripts
from service.page.policy import directives
from service.page.sources import lets_in, origin_of

PAGE_BYTES, SCRIPT_BYTES, MOST_SCRIPTS = 2 * 1024 * 1024, 8 * 1024 * 1024, 200
#: Base64 of 128 bits: shorter nonces can be guessed (CSP Level 3, section 7.1), and are not struck out of scripts either.
SHORTEST_NONCE = 22
POLICY = "content-security-policy"
#: Headers that decide what may run in the page, or what others may do with it.
SECURITY_HEADERS = (
    POLICY, "content-security-policy-report-only", "reporting-endpoints", "report-to", "nel", "link", "refresh", "cache-control",
    "clear-site-data", "cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
    "document-policy", "origin-agent-cluster", "permissions-policy", "referrer-policy", "service-worker-allowed",
    "strict-transport-security", "x-content-type-options", "x-frame-options",
)  # fmt: skip


class Fetching(Protocol):
    """Who fetches; `service.page.fetching.Fetcher` does."""

    def get(self, url: str, *, largest: int) -> Fetched:
        """The answer. Raises UnreadError."""


@dataclass(frozen=True)
class Script:
    """`name` is its address, or where in the page it stands. `sha256` is hexadecimal, `sha384` as sub-resource integrity writes it; `size` in bytes."""

    kind: str
    name: str
    sha256: str
    sha384: str
    size: int


@dataclass
class Snapshot:
    """`unread` and `outside` map the address of a script to why it was not read; `nonces` are those of two answers that followed each other."""

    url: str
    headers: dict[str, str]
    page: reading.Page
    scripts: list[Script] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    nonces: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    @property
    def policies(self) -> list[dict[str, list[str]]]:
        """What bounds the page: its header's policies, and those in its HTML without what has no effect there."""
        in_page = [
            {name: sources for name, sources in policy.items() if name not in strictness.ONLY_AS_HEADER}
            for text in self.page.policies
            for policy in strictness.parse(text)
        ]
        return strictness.parse(self.headers.get(POLICY, "")) + in_page


def take(fetcher: Fetching, url: str, deployment: Deployment, profile: Profile) -> Snapshot:
    """The page as it is now, asked for twice, since a nonce that comes again is none. Raises UnreadError if the page cannot be fetched."""
    first, second = (fetcher.get(url, largest=PAGE_BYTES) for _ in range(2))
    html = _text(first)
    page = reading.read(html, first.url)
    nonces = _nonces(first, page), _nonces(second, reading.read(_text(second), second.url))
    headers = {name: _plain(value, nonces[0]) for name in SECURITY_HEADERS if (value := first.header(name)) is not None}
    taken = Snapshot(first.url, headers, page, nonces=nonces)
    texts = [(one, _plain(one.text, nonces[0])) for one in page.inline]
    taken.scripts += [_script("inline", f"{one.where} in the page", text.encode()) for one, text in texts]
    _Scripts(fetcher, taken, deployment, profile).read([text for one, text in texts if one.module])
    return taken


class _Scripts:
    """Reads the scripts that have addresses: those of the page, what its modules import, and those of the inventory."""

    def __init__(self, fetcher: Fetching, taken: Snapshot, deployment: Deployment, profile: Profile) -> None:
        self._fetcher, self._taken = fetcher, taken
        self._hosts = [*directives(deployment, profile, "")["script-src"], origin_of(taken.url)]
        self._known = known_scripts(deployment, profile)
        self._seen: set[str] = set()

    def read(self, modules: Iterable[str]) -> None:
        """All of them, each once, up to a number that no honest payment page has."""
        waiting = [("inventory", reading.Loaded(url, module=False)) for url in self._known]
        waiting += [("external", one) for one in self._taken.page.loaded]
        for text in modules:
            waiting += _imported(text, self._taken.page.base)
        while waiting:
            kind, one = waiting.pop(0)
            url = one.url.partition("#")[0]
            if url in self._seen:
                continue
            self._seen.add(url)
            body = self._one(kind, url)
            if one.module and body is not None:
                waiting += _imported(body.decode("utf-8", "replace"), url)

    def _one(self, kind: str, url: str) -> bytes | None:
        if not any(lets_in(host, url) for host in self._hosts):
            self._taken.outside.append(
                url
            )  # and is not asked for: a page that was tampered with could send us anywhere
            return None
        if len(self._seen) > MOST_SCRIPTS:
            self._taken.unread[url] = f"there are more than {MOST_SCRIPTS} scripts"
            return None
        try:
            body = self._fetcher.get(url, largest=SCRIPT_BYTES).body
        except UnreadError as error:
            self._taken.unread[url] = str(error)
            return None
        self._taken.scripts.append(_script(kind, url, body))
        return body


def _imported(text: str, url: str) -> list[tuple[str, reading.Loaded]]:
    return [("imported", reading.Loaded(one, module=True)) for one in reading.imports(text, url)]


def _script(kind: str, name: str, body: bytes) -> Script:
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()
    return Script(kind, name, hashlib.sha256(body).hexdigest(), integrity, len(body))


def _nonces(answer: Fetched, page: reading.Page) -> set[str]:
    policies = [*page.policies, answer.header(POLICY) or ""]
    return strictness.nonces(policy for text in policies for policy in strictness.parse(text))


def _plain(text: str, nonces: Iterable[str]) -> str:
    """A text in which this answer's nonces stand as a placeholder: they are new each time, on purpose."""
    for nonce in nonces:
        text = text.replace(f"'nonce-{nonce}'", "'nonce-{nonce}'")
        text = text.replace(nonce, "{nonce}") if len(nonce) >= SHORTEST_NONCE else text
    return text


def _text(answer: Fetched) -> str:
    """Pages are UTF-8 today; one that says otherwise is read as it says."""
    found = re.search(r"charset=[\"']?([\w-]{1,40})", answer.header("content-type") or "", re.IGNORECASE)
    try:
        return answer.body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")


def digests(scripts: Sequence[Script]) -> dict[tuple[str, str], Script]:
    """Scripts by what they are told apart by: an address, or for those without one their digest."""
    return {(one.kind, one.sha256) if one.kind == "inline" else ("url", one.name): one for one in scripts}
