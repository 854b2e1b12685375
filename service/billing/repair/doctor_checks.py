"""What is wrong with a deployment, judged from facts that were gathered before. Pure; nothing that could not be asked is ever called fine."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from service.billing.clocks import Offset
from service.billing.plans import PlanProblem
from service.bluesnap.payloads import NotificationConfig
from service.store.diagnosis import Waiting

PATH = "/webhooks/bluesnap"
#: BlueSnap's page "Webhooks Setup", step 2; the second name is the one of its older editions. Our notes name no menu.
PORTAL = "in BlueSnap's Merchant Portal under Settings > Webhook Settings (older portals: Settings > IPN Settings)"
#: On-demand types, which BlueSnap's support must switch on for the account first (bluesnap/webhooks.md section 3).
ON_DEMAND = {"SUBSCRIPTION_CHARGE_FAILURE", "ACCOUNT_UPDATER"}
#: What we act upon (billing/hearing/notices.py), as far as BlueSnap's settings show a flag for it: PENDING_REFUND has none that is known.
NEEDED = (
    "CHARGE", "RECURRING", "SUBSCRIPTION_CHARGE_FAILURE", "CANCELLATION", "CANCEL_ON_RENEWAL", "CONTRACT_CHANGE", "REFUND",
    "CANCELLATION_REFUND", "CHARGEBACK", "CHARGEBACK_STATUS_CHANGED", "ACCOUNT_UPDATER",
)  # fmt: skip
SIMULATOR_KEY = "simulator-webhook-key-0123456789"
SIMULATOR = "simulator"
#: Two clocks may differ by so much before it is told; and by so much that notices begin to be doubted.
SLOPPY = timedelta(seconds=5)


class Severity(enum.StrEnum):
    """A note is no finding; `unchecked` is one: nothing is known."""

    ERROR = "error"
    WARNING = "warning"
    UNCHECKED = "unchecked"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a stable word, what it is about where there are several, a sentence, and what to do."""

    severity: Severity
    word: str
    text: str
    to_do: str
    subject: str | None = None


@dataclass(frozen=True)
class Silent:
    """BlueSnap did not say, for this cause."""

    cause: str


def never_arrived(untold: dict[str, int], arrived: dict[str, int]) -> Iterator[Finding]:
    """Types that BlueSnap should have sent, by what it did: never, or not always."""
    for kind, count in untold.items():
        if not count:
            continue
        if arrived.get(kind, 0):
            yield Finding(
                Severity.WARNING, "notices.lost",
                f"{count} cases of the last weeks were never told, though this type does arrive",
                "see whether this service was reachable then, and BlueSnap's webhook failures; looks and sweeps have mended our records",
                kind,
            )  # fmt: skip
        else:
            yield Finding(
                Severity.ERROR, "notices.never_arrived",
                f"{count} cases of the last weeks should have been told, and no notice of this type has arrived",
                switch_on(kind), kind,
            )  # fmt: skip


def switch_on(kind: str) -> str:
    """Where a type is switched on."""
    first = "ask BlueSnap's support to enable this on-demand type for the account, then " if kind in ON_DEMAND else ""
    return f"{first}switch {kind} on {PORTAL}, at the endpoint of this service"


def destinations(config: NotificationConfig | Silent, public_url: str | None, environment: str) -> Iterator[Finding]:
    """Where BlueSnap sends notices, which, and whether it expects an answer that we do not give."""
    if isinstance(config, Silent):
        look = f"look at the endpoint {PORTAL}"
        yield Finding(
            Severity.UNCHECKED, "address.unread", f"BlueSnap did not show where notices go ({config.cause})", look
        )
        return
    if not config.destinations:
        yield Finding(
            Severity.ERROR, "address.none", "BlueSnap sends notices nowhere", f"add this service's address {PORTAL}"
        )
        return
    if public_url is None and environment != SIMULATOR:
        unknown = "our own address is not known, so only the path can be compared"
        yield Finding(Severity.UNCHECKED, "address.own_unknown", unknown, "set PANLESS_PUBLIC_URL")
    ours = [one for one in config.destinations if _is_ours(one.url, public_url)]
    if not ours:
        wrong = f"no address that BlueSnap sends to is this service's ({public_url or ''}{PATH})"
        yield Finding(Severity.ERROR, "address.wrong", wrong, f"correct it {PORTAL}")
    if environment != SIMULATOR and any(urlsplit(one.url).scheme != "https" for one in config.destinations):
        plain = "BlueSnap sends notices to an address without TLS"
        yield Finding(Severity.ERROR, "address.plain_http", plain, f"change it to https {PORTAL}")
    if len(config.destinations) > 1:
        several = f"BlueSnap sends to {len(config.destinations)} addresses, each with a signing key of its own"
        yield Finding(Severity.WARNING, "address.several", several, f"remove those that nobody needs {PORTAL}")
    if config.receipts:
        receipts = "BlueSnap expects an acknowledgement in the body (ensureNotificationReceipt), which this service does not send"
        yield Finding(Severity.ERROR, "receipts.expected", receipts, f"switch it off {PORTAL}")
    shown = [one.types for one in ours if one.types is not None]
    for kind in NEEDED if shown else ():
        if not any(kind in types for types in shown):
            yield Finding(
                Severity.ERROR, "notices.switched_off", "BlueSnap does not send this type", switch_on(kind), kind
            )


def _is_ours(url: str, public_url: str | None) -> bool:
    if public_url is None:
        return urlsplit(url).path == PATH
    try:
        found, wanted = urlsplit(url), urlsplit(public_url)
        port = {"http": 80, "https": 443}
        same = (found.scheme, found.hostname, found.port or port[found.scheme], found.path)
        return same == (wanted.scheme, wanted.hostname, wanted.port or port[wanted.scheme], PATH)
    except (ValueError, KeyError):
        return False


def signing_keys(keys: tuple[str, ...], environment: str) -> Iterator[Finding]:
    """Whether notices can be told from forged ones."""
    if not keys:
        none = "there is no key to tell BlueSnap's notices from forged ones"
        yield Finding(Severity.ERROR, "signing_key.none", none, f"make one {PORTAL} and set PANLESS_WEBHOOK_KEYS")
    if environment != SIMULATOR and SIMULATOR_KEY in keys:
        known = "the simulator's published key is accepted: anybody can sign notices"
        yield Finding(Severity.ERROR, "signing_key.published", known, "take it out of PANLESS_WEBHOOK_KEYS and restart")


def clocks(bluesnap: Offset | Silent, database: Offset, window: timedelta) -> Iterator[Finding]:
    """Whether this machine, BlueSnap and the database agree on the time."""
    to_do = "synchronise the clocks (NTP); leases run on the database's, freshness of notices on this machine's"
    if isinstance(bluesnap, Silent):
        silent = f"BlueSnap's clock could not be read ({bluesnap.cause})"
        yield Finding(Severity.UNCHECKED, "clock.bluesnap_unread", silent, "run doctor again when BlueSnap answers")
    elif bluesnap.at_least > SLOPPY:
        severity = Severity.ERROR if bluesnap.at_least >= window / 2 else Severity.WARNING
        yield Finding(severity, "clock.bluesnap", f"BlueSnap's clock is {_apart(bluesnap)} this machine's", to_do)
    if database.at_least > SLOPPY:
        severity = Severity.ERROR if database.at_least >= window / 2 else Severity.WARNING
        yield Finding(severity, "clock.database", f"the database's clock is {_apart(database)} this machine's", to_do)


def _apart(offset: Offset) -> str:
    return f"{round(abs(offset.ahead).total_seconds())} s {'ahead of' if offset.ahead > timedelta(0) else 'behind'}"


def notice_zone(waiting: Waiting) -> Iterator[Finding]:
    """Most payments of the day came as hints: then it is not the deliveries that are late, but our reading of their time."""
    if waiting.payments_doubted >= 3 and 2 * waiting.payments_doubted > waiting.payments_told:
        doubted = f"{waiting.payments_doubted} of {waiting.payments_told} payments of the last day were told with a time far from ours"
        to_do = "check the clocks, then PANLESS_NOTICE_ZONE: the zone in which BlueSnap writes the signed time is not documented"
        yield Finding(Severity.WARNING, "notice_zone.suspect", doubted, to_do)


def backlog(waiting: Waiting) -> Iterator[Finding]:
    """What waits for a person, or for a worker that does not work."""
    kinds = {
        "signups.stuck": (Severity.ERROR, waiting.signups_stuck, "signups are stuck; their accounts stay claimed", "see docs/operating.md, When a signup is stuck"),
        "notices.failed": (Severity.ERROR, waiting.notices_failed, "notices could not be applied", "see `notices list --outcome failed`, then `notices replay`"),
        "notices.waiting": (Severity.WARNING, waiting.notices_waiting, "notices wait for a subscription that we do not know", "see `notices list --outcome waiting`; `sweep` or `adopt` finds the subscription"),
        "events.failed": (Severity.WARNING, waiting.events_failed, "events never reached the platform", "see `events list --state failed`, then `events resend`"),
        "worker.looks_overdue": (Severity.ERROR, waiting.looks_overdue, "looks at BlueSnap are overdue", "see that `python -m service work` runs, and its log"),
        "worker.signups_overdue": (Severity.ERROR, waiting.signups_overdue, "undecided signups are overdue", "see that `python -m service work` runs, and its log"),
    }  # fmt: skip
    for word, (severity, count, text, to_do) in kinds.items():
        if count:
            yield Finding(severity, word, f"{count} {text}", to_do)
    for kind, count in sorted(waiting.tasks.items()):
        text, to_do = f"{count} tasks of this kind wait for a person", "see `tasks list`"
        yield Finding(Severity.WARNING, "tasks.open", text, to_do, kind)


def catalogue(problems: list[PlanProblem], for_sale: int) -> Iterator[Finding]:
    """The plans, as `plans check` has them."""
    if not for_sale:
        nothing = "no plan of plans.toml has an id at BlueSnap in this environment: nothing is for sale"
        yield Finding(Severity.ERROR, "plans.none", nothing, "run `plans push`, and put the ids into plans.toml")
    for problem in problems:
        word, severity = ("plans.differ", Severity.ERROR) if problem.asked else ("plans.unread", Severity.UNCHECKED)
        yield Finding(severity, word, problem.what, "see `plans check` and `plans push`", problem.plan)


def environment_sanity(
    environment: str, public_url: str | None, trusted_hosts: tuple[str, ...], *, idempotency_proven: bool
) -> Iterator[Finding]:
    """Settings that are allowed and may be wrong all the same."""
    if environment == "production" and idempotency_proven:
        claimed = "PANLESS_IDEMPOTENCY_PROVEN is on: an unknown charge is made again under its key"
        to_do = "keep it on only if a recorded test shows that this BlueSnap account keeps idempotency keys"
        yield Finding(Severity.NOTE, "idempotency.claimed", claimed, to_do)
    host = urlsplit(public_url or "").hostname
    if host is not None and host not in trusted_hosts:
        untrusted = "PANLESS_TRUSTED_HOSTS lacks the host of PANLESS_PUBLIC_URL: notices that name it are refused"
        yield Finding(Severity.ERROR, "address.untrusted", untrusted, "add it to PANLESS_TRUSTED_HOSTS")


def log_archive(log_folder: Path | None, archive_url: str | None) -> Iterator[Finding]:
    """Half of what takes the log off the host is nothing."""
    if log_folder is not None and archive_url is None:
        yield Finding(
            Severity.WARNING, "logs.not_archived",
            "PANLESS_LOG_FOLDER is set and PANLESS_ARCHIVE_URL is not: log lines are kept in files of this host, which grow, and none is taken off it",
            "set PANLESS_ARCHIVE_URL, or take PANLESS_LOG_FOLDER away",
        )  # fmt: skip
    if log_folder is None and archive_url is not None:
        yield Finding(
            Severity.WARNING, "logs.not_kept",
            "PANLESS_ARCHIVE_URL is set and PANLESS_LOG_FOLDER is not: the archive gets checkpoints of the journal, and no line of the log",
            "set PANLESS_LOG_FOLDER, unless your platform ships standard output itself",
        )  # fmt: skip


def erasures(unknown_here: int) -> Iterator[Finding]:
    """Accounts that were erased and may be here again: the archive has tombstones that the database has not."""
    if unknown_here:
        yield Finding(
            Severity.ERROR, "erasures.due",
            f"the archive has {unknown_here} tombstones of erased accounts that the database does not know: it was recovered from before them",
            "`python -m service accounts erase --again`, then with --apply",
        )  # fmt: skip
