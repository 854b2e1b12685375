"""Whether a page's policy is at least as strict as the table's, directive by directive. Pure. In doubt it is not."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.page.sources import covers

Policy = Mapping[str, Sequence[str]]
_SCRIPT, _STYLE, _FRAME = "script-src", "style-src", "frame-src"
#: What counts where a directive is not given, nearest first (CSP Level 3, section 6.8.3).
_FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "script-src-elem": (_SCRIPT, "default-src"),
    "script-src-attr": (_SCRIPT, "default-src"),
    "style-src-elem": (_STYLE, "default-src"),
    "style-src-attr": (_STYLE, "default-src"),
    "worker-src": ("child-src", _SCRIPT, "default-src"),
    _FRAME: ("child-src", "default-src"),
    "fenced-frame-src": (_FRAME, "child-src", "default-src"),
    **dict.fromkeys(
        (_SCRIPT, _STYLE, "img-src", "connect-src", "font-src", "media-src", "object-src", "manifest-src", "child-src"),
        ("default-src",),
    ),
}
_REPORTING = ("report-uri", "report-to")
#: Says nothing about what is let in.
_NEUTRAL = frozenset({"'report-sample'", "'none'"})
#: Directives that close more, and lists that name no sources.
_WITHOUT_SOURCES = frozenset(
    {
        "upgrade-insecure-requests", "block-all-mixed-content", "sandbox", "require-trusted-types-for", "trusted-types",
        *_REPORTING,
    }
)  # fmt: skip
#: A <meta> element cannot say these (CSP Level 3, section 3.3).
ONLY_AS_HEADER = frozenset({"frame-ancestors", "sandbox", *_REPORTING})


class Verdict(enum.StrEnum):
    """The page's directive beside the table's."""

    EQUAL = "equal"
    NARROWER = "narrower"
    WIDER = "wider"
    MISSING = "missing"


@dataclass(frozen=True)
class Compared:
    """One directive. `wider` are the page's sources that the table does not cover."""

    directive: str
    verdict: Verdict
    wider: tuple[str, ...] = ()


def parse(text: str) -> list[dict[str, list[str]]]:
    """The policies of a header's value, or of several values joined by commas (CSP Level 3, section 2.2). A directive's first place counts."""
    found = []
    for serialized in text.split(","):
        policy: dict[str, list[str]] = {}
        for part in serialized.split(";"):
            name, *sources = part.split() or [""]
            if name and name.lower() not in policy:
                policy[name.lower()] = sources
        if policy:
            found.append(policy)
    return found


def compare(wanted: Policy, policies: Sequence[Policy], *, page: str) -> list[Compared]:
    """Each directive of the table, and each that a page's policy has besides. Of several policies all hold, so the strictest counts."""
    names = [*wanted, *sorted({name for policy in policies for name in policy} - set(wanted))]
    found = [_best(name, wanted, policies, page) for name in names if name not in _WITHOUT_SOURCES]
    reported = any(name in policy for policy in policies for name in _REPORTING)
    return [*found, Compared("report-uri", Verdict.EQUAL if reported else Verdict.MISSING)]


def _best(name: str, wanted: Policy, policies: Sequence[Policy], page: str) -> Compared:
    order = [Verdict.NARROWER, Verdict.EQUAL, Verdict.WIDER, Verdict.MISSING]
    verdicts = [_of_one(name, wanted, policy, page) for policy in policies] or [Compared(name, Verdict.MISSING)]
    return min(verdicts, key=lambda one: order.index(one.verdict))


def _of_one(name: str, wanted: Policy, policy: Policy, page: str) -> Compared:
    allowed, given = _effective(name, wanted), _effective(name, policy)
    if given is None:
        return Compared(name, Verdict.MISSING if allowed is not None else Verdict.EQUAL)
    if allowed is None:  # a directive that the table does not know and has no fallback for: nobody has thought about it
        return Compared(name, Verdict.NARROWER)
    wider = tuple(one for one in given if not any(covers(other, one, page=page) for other in allowed))
    if wider:
        return Compared(name, Verdict.WIDER, wider)
    back = all(any(covers(one, other, page=page) for one in given) for other in allowed)
    return Compared(name, Verdict.EQUAL if back else Verdict.NARROWER)


def _effective(name: str, policy: Policy) -> list[str] | None:
    """The sources that count for a directive; None if nothing bounds it."""
    for one in (name, *_FALLBACKS.get(name, ())):
        if one in policy:
            return [source for source in policy[one] if source.lower() not in _NEUTRAL]
    return None


def nonces(policies: Iterable[Policy]) -> set[str]:
    """The values of all nonces."""
    sources = (source for policy in policies for listed in policy.values() for source in listed)
    return {source[len("'nonce-") : -1] for source in sources if source.startswith("'nonce-") and source.endswith("'")}
