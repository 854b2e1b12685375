"""Whether a deployed page is still what was approved, and at least as strict as the table asks (PCI DSS 6.4.3 and 11.6.1). Decides nothing about what is right to approve."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from service.page import strictness
from service.page.approvals import Approved, changes
from service.page.findings import Finding, Word
from service.page.inventory import Deployment, Profile
from service.page.policy import directives, headers
from service.page.snapshot import POLICY, SHORTEST_NONCE, Snapshot
from service.page.sources import covers, origin_of
from service.page.strictness import Compared, Verdict

_YEAR = 31_536_000
_QUIET_REFERRERS = frozenset(
    {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "origin"}
)


def _is_a_year(value: str) -> bool:
    found = re.search(r"max-age=\"?([0-9]{1,12})", value)
    return found is not None and int(found[1]) >= _YEAR


#: What a header must say at least, beyond being there.
_STRONG: Mapping[str, Callable[[str], bool]] = {
    "cache-control": lambda value: "no-store" in value.lower(),
    "x-content-type-options": lambda value: value.lower() == "nosniff",
    "referrer-policy": lambda value: value.lower().split(",")[-1].strip() in _QUIET_REFERRERS,
    "strict-transport-security": _is_a_year,
}


class Check:
    """One page as it is now, beside what was approved and what the table asks. `report` is the address for violations."""

    def __init__(self, snapshot: Snapshot, deployment: Deployment, profile: Profile, report: str) -> None:
        self._taken, self._deployment, self._profile = snapshot, deployment, profile
        self._wanted = directives(deployment, profile, report)
        self._report = report

    def policy(self) -> list[Compared]:
        """The page's policy beside the table's, directive by directive."""
        return strictness.compare(self._wanted, self._taken.policies, page=origin_of(self._taken.url))

    def findings(self, approved: Approved | None) -> list[Finding]:
        """All there is to say; none if the page is as approved and as strict as asked."""
        return [
            *changes(approved, self._taken),
            *self._of_scripts(),
            *self._of_policy(),
            *self._of_headers(),
            *self._of_page(),
        ]

    def _of_scripts(self) -> Iterator[Finding]:
        for url in self._taken.outside:
            yield Finding(Word.SCRIPT_OUTSIDE, url, "is loaded, and the inventory has no such host; it was not fetched")
        for url, why in self._taken.unread.items():
            yield Finding(Word.SCRIPT_UNREAD, url, f"nothing is known of it: {why}")
        if self._taken.page.hidden:
            text = f"<script> stands {self._taken.page.hidden} times where this command reads no script and a browser might, as in a comment"
            yield Finding(Word.SCRIPT_HIDDEN, "page", text)

    def _of_policy(self) -> Iterator[Finding]:
        for one in self.policy():
            if one.verdict is Verdict.WIDER:
                text = f"lets in what the table does not: {' '.join(one.wider)}"
                yield Finding(Word.DIRECTIVE_WIDER, one.directive, text)
            elif one.verdict is Verdict.MISSING:
                yield Finding(
                    Word.DIRECTIVE_MISSING,
                    one.directive,
                    "nothing is said, so anything is let in or nothing is reported",
                )
        first, second = self._taken.nonces
        if any(len(nonce) < SHORTEST_NONCE for nonce in first):
            yield Finding(Word.NONCE_WEAK, POLICY, "the nonce is shorter than 128 bits")
        if first & second:
            yield Finding(
                Word.NONCE_WEAK,
                POLICY,
                "two answers had the same nonce: whoever has read one can run scripts in the next",
            )

    def _of_headers(self) -> Iterator[Finding]:
        wanted = headers(self._deployment, self._profile, self._report)
        for name in (name.lower() for name in wanted if name.lower() != POLICY):
            value = self._taken.headers.get(name)
            if value is None:
                yield Finding(Word.HEADER_MISSING, name, "page-policy prints it, and the page does not send it")
            elif name in _STRONG and not _STRONG[name](value):
                yield Finding(Word.HEADER_WEAK, name, f"is {value}")

    def _of_page(self) -> Iterator[Finding]:
        page = origin_of(self._taken.url)
        for frame in self._taken.page.frames:
            if not any(covers(source, origin_of(frame) or frame, page=page) for source in self._wanted["frame-src"]):
                yield Finding(Word.FRAME_OUTSIDE, frame, "is framed, and is not in the inventory")
        for element in self._taken.page.card_inputs:
            text = "is an input for card data in the page itself: SAQ A asks for a page without any"
            yield Finding(Word.CARD_INPUT, element, text)
