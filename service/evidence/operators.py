"""The operator's door: arguments and input that hold what nobody should type there. A command must refuse it, or find nothing, and never say it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from service.evidence import belongings
from service.evidence.canaries import Canary, marker
from service.evidence.trying import CARDS, Attempt

GROUP = "Operators' commands"
#: The place of the value.
_HERE = "{}"
_ABOUT = ("--api", "https://panless.example", "--environment", "sandbox")
#: Each argument that is no word of a closed list, and some that are; `<` stands before what is given on standard input.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "name of a command": (_HERE,),
    "unknown option": ("doctor", "--{}"),
    "keys create --name": ("keys", "create", "--name", "{}!", "--scope", "accounts:read"),
    "keys create --scope": ("keys", "create", "--name", "evidence", "--scope", _HERE),
    "keys create --days": ("keys", "create", "--name", "{}!", "--scope", "accounts:read", "--days", _HERE),
    "keys revoke": ("keys", "revoke", _HERE),
    "people add --subject": ("people", "add", "--subject", "{}\u0101", "--scope", "audit:read"),
    "people add --scope": ("people", "add", "--subject", "evidence", "--scope", _HERE),
    "people import, subject": ("people", "import", "/dev/stdin", "<{}\u0101,audit:read\n"),
    "people import, scope": ("people", "import", "/dev/stdin", "<evidence,{}\n"),
    "people import, name of the file": ("people", "import", "/nowhere/{}.csv"),
    "people leave": ("people", "leave", _HERE),
    "people login": ("people", "login", _HERE, "anna"),
    "people login, name": ("people", "login", "per_a", "{}!"),
    "grants list --account": ("grants", "list", "--account", "{}!"),
    "grants show": ("grants", "show", _HERE),
    "grants request": ("grants", "request", "--account", "{}!", "--purpose", "payment_problem", "--ticket", _HERE),
    "grants request --purpose": ("grants", "request", "--account", "a", "--purpose", _HERE, "--ticket", "SUP-1"),
    "grants request --minutes": (
        "grants",
        "request",
        "--account",
        "{}!",
        "--purpose",
        "payment_problem",
        "--ticket",
        "SUP-1",
        "--minutes",
        _HERE,
    ),
    "grants approve": ("grants", "approve", _HERE),
    "grants end": ("grants", "end", _HERE),
    "grants review": ("grants", "review", _HERE),
    "notices list --type": ("notices", "list", "--type", _HERE),
    "notices list --last": ("notices", "list", "--last", _HERE),
    "notices show": ("notices", "show", _HERE),
    "notices replay": ("notices", "replay", _HERE),
    "notices replay, times": ("notices", "replay", "--outcome", "hint", "--since", _HERE, "--until", _HERE),
    "events list --last": ("events", "list", "--last", _HERE),
    "events show": ("events", "show", _HERE),
    "events resend": ("events", "resend", _HERE),
    "history show": ("history", "show", _HERE),
    "history show --at": ("history", "show", "acct-a", "--at", _HERE),
    "history restore": ("history", "restore", _HERE, "--at", "2026-01-01T00:00:00Z"),
    "signups resolve": ("signups", "resolve", _HERE, "--keep", _HERE),
    "refunds settle": ("refunds", "settle", _HERE, "given"),
    "disputes settle": ("disputes", "settle", _HERE, "won"),
    "tasks refund": ("tasks", "refund", _HERE),
    "tasks done": ("tasks", "done", _HERE),
    "tasks dismiss": ("tasks", "dismiss", _HERE),
    "reviews done": ("reviews", "done", _HERE),
    "logs verify --since": ("logs", "verify", "--since", _HERE),
    "logs read, times": ("logs", "read", "--since", _HERE, "--until", _HERE),
    "logs read, whose": ("logs", "read", "--since", "2026-01-01T00:00:00Z", "--account", _HERE, "--request", _HERE),
    "accounts erase": ("accounts", "erase", _HERE),
    "accounts erase --apply": ("accounts", "erase", _HERE, "--apply"),
    "audit verify --from": ("audit", "verify", "--from", _HERE),
    "audit checkpoints --last": ("audit", "checkpoints", "--last", _HERE),
    "audit accept-recovery --ticket": ("audit", "accept-recovery", "--ticket", _HERE),
    "sweep --most": ("sweep", "--most", _HERE),
    "adopt, account in the file": ("adopt", "/dev/stdin", "<account,subscription\n{},48305573\n"),
    "adopt, subscription in the file": ("adopt", "/dev/stdin", "<account,subscription\nacct-a,{}\n"),
    "adopt, header of the file": ("adopt", "/dev/stdin", "<{}\n"),
    "adopt, name of the file": ("adopt", "/nowhere/{}.csv"),
    "page-policy --api": ("page-policy", "--api", "http://{}.example"),
    "page-policy --report": ("page-policy", "--report", "http://{}.example"),
    "page-check, address": ("page-check", "https://127.0.0.1:9/{}", "--approved", "/nowhere/{}", *_ABOUT),
    "page-check, words": (
        "page-check",
        "{}",
        "--approved",
        "/nowhere/a",
        "--by",
        _HERE,
        "--reason",
        _HERE,
        "--approve",
    ),
    "page-check, files": (
        "page-check",
        "https://127.0.0.1:9/",
        "--approved",
        "/nowhere/a",
        "--ca",
        "/nowhere/{}",
        *_ABOUT,
    ),
    "page-check --api": ("page-check", "https://127.0.0.1:9/", "--approved", "/nowhere/a", "--api", _HERE),
    "page-check --report": ("page-check", "https://127.0.0.1:9/", "--approved", "/nowhere/a", "--report", _HERE),
    "scan --folder": ("scan", "--folder", "/nowhere/{}"),
    "prove --out": ("prove", "--out", "/proc/{}"),
    "prove --only": ("prove", "--only", "({}"),
}
#: Where an account's name is a legitimate value.
_ACCOUNTS = frozenset({"adopt, account in the file"})


class Ended(Protocol):
    """How a command ended."""

    @property
    def status(self) -> int:
        """Its exit status."""

    @property
    def err(self) -> bytes:
        """Its standard error."""


class Copy(Protocol):
    """What operators need of the private copy."""

    def command(self, *arguments: str, input: bytes | None = None) -> Ended:  # noqa: A002 - as subprocess calls it
        """Run a command."""


@dataclass(frozen=True)
class _Order:
    """A command, ready to run."""

    arguments: tuple[str, ...]
    given: bytes | None


def attempts(copy: Copy) -> Iterator[Attempt]:
    """Each command: a card number, then a marker."""
    for index, (entrance, line) in enumerate(COMMANDS.items()):
        name = f"command · {entrance}"
        kind = belongings.ACCOUNT if entrance in _ACCOUNTS else belongings.MARKER
        for form, canary in (
            ("plain", CARDS[index % len(CARDS)]),
            ("marker", belongings.canary(kind, name, marker())),
        ):
            yield Attempt(GROUP, name, form, canary, _act(copy, _order(line, canary)))


def _order(line: tuple[str, ...], canary: Canary) -> _Order:
    filled = [one.replace(_HERE, canary.text) for one in line]
    given = next((one[1:].encode() for one in filled if one.startswith("<")), None)
    return _Order(tuple(one for one in filled if not one.startswith("<")), given)


def _act(copy: Copy, order: _Order) -> Callable[[], str]:
    def act() -> str:
        done = copy.command(*order.arguments, input=order.given)
        if b"Traceback" in done.err:
            return "ended with a traceback"
        return ""

    return act
