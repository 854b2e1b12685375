"""Notices from BlueSnap: list, show, replay. Shows nothing but what is kept of them, which is allow-listed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.tools import Tools
    from service.store.models import Notice
    from service.store.notices import Filter

OUTCOMES = ("applied", "failed", "hint", "ignored", "waiting")
#: What has not had its effect yet, so that all of it may be replayed in one go.
OPEN = ("hint", "waiting", "failed")
SHOWN = (
    "id", "received_at", "type", "outcome", "reason", "reference", "provider_subscription", "provider_shopper", "amount",
    "currency", "reversal_reference", "reversal_amount", "dispute_status", "provider_time",
)  # fmt: skip
LAST = 50
PAGE = 200


def register(commands: Commands) -> None:
    """Add `notices`."""
    group = commands.group("notices", "notices from BlueSnap", "list|show|replay")
    listing = group.add("list", list_notices)
    listing.add_argument("--outcome", choices=OUTCOMES)
    listing.add_argument("--type", metavar="TYPE", type=str.upper, help="BlueSnap's type, such as CHARGE")
    listing.add_argument("--last", metavar="N", type=count, default=LAST, help=f"so many of the newest ({LAST})")
    group.add("show", show_notice).add_argument("id", metavar="ID")
    again = group.add("replay", replay_notices)
    again.add_argument("ids", metavar="ID", nargs="*")
    again.add_argument("--outcome", choices=OPEN, help="all of this outcome")
    again.add_argument("--since", metavar="TIME", type=moment, help="of these, those received from then on (RFC 3339)")
    again.add_argument("--until", metavar="TIME", type=moment, help="of these, those received before then")


def count(text: str) -> int:
    """A number of notices."""
    number = int(text)
    if not 0 < number <= 10_000:
        raise ValueError
    return number


def moment(text: str) -> datetime:
    """A time with its zone; argparse says which argument is none."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError
    return read


def list_notices(arguments: argparse.Namespace) -> int:
    """The newest notices, the last one at the end."""
    from service.cardguard import formats
    from service.store import notices

    if arguments.type is not None and not formats.matches(formats.PROVIDER_WORD, arguments.type):
        return complain("a type is a word of BlueSnap's, such as CHARGE")
    wanted = notices.Filter(outcomes=(arguments.outcome,) if arguments.outcome else None, type=arguments.type)
    with tools().engine.connect() as connection:
        found = notices.newest(connection, wanted, arguments.last)
    say(arguments, [_row(one) for one in found], "\n".join(_line(one) for one in found) or "no notices")
    return FINE


def show_notice(arguments: argparse.Namespace) -> int:
    """All that is kept of a notice."""
    from service.cardguard import formats
    from service.store import notices

    with tools().engine.connect() as connection:
        known = formats.matches(formats.OUR_ID, arguments.id)
        found = notices.get(connection, arguments.id) if known else None
    if found is None:
        say(arguments, None, "no such notice")
        return FOUND
    row = _row(found)
    say(arguments, row, "\n".join(f"{name:22} {'-' if value is None else value}" for name, value in row.items()))
    return FINE


def replay_notices(arguments: argparse.Namespace) -> int:
    """Apply kept notices as if they were fresh. What one has done already it does not do twice."""
    from service.billing.hearing import notices
    from service.cardguard import formats
    from service.store.notices import Filter

    ranged = (arguments.outcome, arguments.since, arguments.until)
    if bool(arguments.ids) == (arguments.outcome is not None) or (arguments.ids and any(ranged)):
        return complain("name either notices by their ids, or an outcome with --outcome")
    our = tools()
    ids = [one for one in arguments.ids if formats.matches(formats.OUR_ID, one)]
    unknown = len(arguments.ids) - len(ids)
    if arguments.outcome is not None:
        ids = _ids(our, Filter((arguments.outcome,), since=arguments.since, until=arguments.until))
    origin = operator(our)
    done = [(one, notices.replay(our, origin, one)) for one in ids]
    rows: list[dict[str, Any]] = [
        {"id": one, "outcome": verdict.outcome if verdict else None, "reason": verdict.reason if verdict else None}
        for one, verdict in done
    ]
    lines = [f"{row['id']}  {row['outcome'] or 'no such notice'}  {row['reason'] or ''}".rstrip() for row in rows]
    lines += [f"{unknown} of the ids are none"] if unknown else []
    say(arguments, rows, "\n".join(lines) or "no notices")
    settled = all(row["outcome"] in {"applied", "ignored"} or row["reason"] == "look" for row in rows)
    return FINE if settled and not unknown else FOUND


def _ids(our: Tools, wanted: Filter) -> list[str]:
    """The ids of all such notices as they are now: a replay may change what is listed."""
    from service.store import notices

    ids: list[str] = []
    with our.engine.connect() as connection:
        while page := notices.listed(connection, wanted, PAGE, after=ids[-1] if ids else None):
            ids += [one.id for one in page]
    return ids


def _plain(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return None if value is None else str(value)


def _row(notice: Notice) -> dict[str, str | None]:
    return {name: _plain(getattr(notice, name)) for name in SHOWN}


def _line(notice: Notice) -> str:
    row = _row(notice)
    said = " ".join(filter(None, (row["outcome"], row["reason"])))
    about = row["provider_subscription"] or row["provider_shopper"] or "-"
    return f"{row['id']}  {row['received_at']}  {row['type']:26} {about:>12}  {said}"
