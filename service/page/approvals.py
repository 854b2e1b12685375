"""The file of approvals: which headers and scripts were approved, by whom, when and why. It is the merchant's, and belongs into a repository; nothing secret is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.page.findings import Finding, Word
from service.page.snapshot import Script, Snapshot, digests

FORM = 1


class ApprovalsError(Exception):
    """The file cannot be read or written; the text says why."""


@dataclass(frozen=True)
class Approval:
    """Who says that something belongs on the page, when (RFC 3339) and why."""

    by: str
    at: str
    reason: str


@dataclass(frozen=True)
class Approved:
    """What was approved of one page. Each header and script keeps the approval that it was first given as it is."""

    url: str
    last: Approval
    headers: Mapping[str, tuple[str, Approval]]
    scripts: Mapping[tuple[str, str], tuple[Script, Approval]]


def load(file: Path) -> Approved | None:
    """What the file says; None if there is no file. Raises ApprovalsError."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise ApprovalsError(f"{file} cannot be read as JSON") from None
    try:
        return _read(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ApprovalsError(f"{file} is no file of approvals of this version") from None


def _read(document: Mapping[str, Any]) -> Approved:
    if document["form"] != FORM:
        raise ValueError
    headers = {name: (str(one["value"]), _approval(one["approved"])) for name, one in document["headers"].items()}
    kept = [
        (Script(**{name: one[name] for name in Script.__dataclass_fields__}), _approval(one["approved"]))
        for one in document["scripts"]
    ]
    scripts = {key: (one, approval) for one, approval in kept for key in digests([one])}
    return Approved(str(document["url"]), _approval(document["approved"]), headers, scripts)


def _approval(given: Mapping[str, str]) -> Approval:
    return Approval(given["by"], given["at"], given["reason"])


def approve(snapshot: Snapshot, approval: Approval, before: Approved | None) -> dict[str, Any]:
    """The document that approves the page as it is. What was approved before and is unchanged keeps its own approval."""
    old_headers = before.headers if before is not None else {}
    old_scripts = before.scripts if before is not None else {}

    def of_header(name: str, value: str) -> Approval:
        known = old_headers.get(name)
        return known[1] if known is not None and known[0] == value else approval

    def of_script(key: tuple[str, str], script: Script) -> Approval:
        known = old_scripts.get(key)
        return known[1] if known is not None and known[0].sha256 == script.sha256 else approval

    return {
        "form": FORM,
        "url": snapshot.url,
        "approved": asdict(approval),
        "headers": {
            name: {"value": value, "approved": asdict(of_header(name, value))}
            for name, value in sorted(snapshot.headers.items())
        },
        "scripts": [
            asdict(script) | {"approved": asdict(of_script(key, script))}
            for key, script in sorted(digests(snapshot.scripts).items())
        ],
    }


def save(file: Path, document: Mapping[str, Any]) -> None:
    """Write it whole or not at all. Raises ApprovalsError."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    beside = file.with_name(file.name + ".new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError:
        raise ApprovalsError(f"{file} cannot be written") from None


def changes(approved: Approved | None, snapshot: Snapshot) -> Iterator[Finding]:
    """What is not as it was approved."""
    if approved is None:
        yield Finding(Word.NOT_APPROVED, snapshot.url, "nothing of this page has been approved yet")
        return
    if approved.url != snapshot.url:
        yield Finding(Word.ANOTHER_PAGE, snapshot.url, f"the approvals are those of {approved.url}")
    yield from _of_headers(approved, snapshot)
    yield from _of_scripts(approved, snapshot)


def _of_headers(approved: Approved, snapshot: Snapshot) -> Iterator[Finding]:
    for name in sorted(approved.headers.keys() | snapshot.headers.keys()):
        was, now = approved.headers.get(name), snapshot.headers.get(name)
        if was is None:
            yield Finding(Word.HEADER_APPEARED, name, f"is now {now}")
        elif now is None:
            yield Finding(Word.HEADER_GONE, name, f"was {was[0]}")
        elif was[0] != now:
            yield Finding(Word.HEADER_CHANGED, name, f"was {was[0]}; is now {now}")


def _of_scripts(approved: Approved, snapshot: Snapshot) -> Iterator[Finding]:
    found = digests(snapshot.scripts)
    for key in sorted(approved.scripts.keys() | found.keys()):
        was, now = approved.scripts.get(key), found.get(key)
        if was is None and now is not None:
            yield Finding(Word.SCRIPT_APPEARED, now.name, f"{now.kind}, SHA-256 {now.sha256}")
        elif was is not None and now is None:
            if was[0].name not in snapshot.unread:
                yield Finding(Word.SCRIPT_GONE, was[0].name, f"{was[0].kind}, SHA-256 {was[0].sha256}")
        elif was is not None and now is not None and was[0].sha256 != now.sha256:
            text = f"SHA-256 was {was[0].sha256}, is now {now.sha256}"
            yield Finding(Word.SCRIPT_CHANGED, now.name, text)
