"""What is taken from a browser's report of a violated policy: which directive, and what kind of thing was stopped. Must never let through a word that the browser wrote."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from service.page.inventory import TABLE, Deployment, hosts_of
from service.page.sources import lets_in, origin_of

#: Every directive of CSP Level 3 that can be violated.
DIRECTIVES = frozenset(
    {
        "default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem", "style-src-attr",
        "img-src", "connect-src", "frame-src", "fenced-frame-src", "child-src", "worker-src", "font-src", "media-src",
        "object-src", "manifest-src", "base-uri", "form-action", "frame-ancestors", "sandbox", "require-trusted-types-for",
        "trusted-types",
    }
)  # fmt: skip
OTHER = "other"
_LONGEST = 2_048  # an address that is longer is nobody's of the table


class Blocked(enum.StrEnum):
    """What was stopped. `page` is an own file of a page that may call us; `inventory` a host of the table."""

    INVENTORY = "inventory"
    PAGE = "page"
    INLINE = "inline"
    EVAL = "eval"
    DATA = "data"
    OTHER = "other"


_WORDS = {
    "inline": Blocked.INLINE,
    "self": Blocked.PAGE,
    "eval": Blocked.EVAL,
    "wasm-eval": Blocked.EVAL,
    "data": Blocked.DATA,
    "blob": Blocked.DATA,
}


@dataclass(frozen=True)
class Violation:
    """`directive` is one of DIRECTIVES or `other`."""

    directive: str
    blocked: Blocked


def of_document(document: Any, deployment: Deployment, pages: Sequence[str], *, most: int) -> Iterator[Violation]:
    """The violations of a parsed body: the one of `{"csp-report": {…}}`, or those among the first `most` of the Reporting API's list.

    `pages` are the origins of payment pages. Reports of another type say nothing of a policy and are left out.
    """
    for report in document[:most] if isinstance(document, list) else [document]:
        if not isinstance(report, dict):
            continue
        if isinstance(report.get("csp-report"), dict):
            old = report["csp-report"]
            directive = old.get("effective-directive") or old.get("violated-directive")
            yield _violation(directive, old.get("blocked-uri"), deployment, pages)
        elif report.get("type") == "csp-violation" and isinstance(report.get("body"), dict):
            body = report["body"]
            yield _violation(body.get("effectiveDirective"), body.get("blockedURL"), deployment, pages)


def _violation(directive: Any, blocked: Any, deployment: Deployment, pages: Sequence[str]) -> Violation:
    # old browsers send the whole directive with its sources
    name = directive[:_LONGEST].partition(" ")[0].lower() if isinstance(directive, str) else ""
    return Violation(name if name in DIRECTIVES else OTHER, _kind(blocked, deployment, pages))


def _kind(blocked: Any, deployment: Deployment, pages: Sequence[str]) -> Blocked:
    if not isinstance(blocked, str) or len(blocked) > _LONGEST:
        return Blocked.OTHER
    if blocked in _WORDS or blocked.startswith(("data:", "blob:")):
        return _WORDS.get(blocked, Blocked.DATA)
    if origin_of(blocked) in pages:
        return Blocked.PAGE
    listed = any(lets_in(host, blocked) for row in TABLE for host in hosts_of(row, deployment))
    return Blocked.INVENTORY if listed else Blocked.OTHER
