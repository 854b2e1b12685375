"""The archived log: whether it is whole, what is there, its lines; and what a host does with its last lines before it goes."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from service.cli.common import FAILED, FINE, FOUND, Commands, complain, say, tools

if TYPE_CHECKING:
    from service.archive import Archive
    from service.archive.checking import Checked
    from service.archive.sealing import Doubt

NO_ARCHIVE = "PANLESS_ARCHIVE_URL is not set: nothing is archived"


def register(commands: Commands) -> None:
    """Add `logs`."""
    group = commands.group("logs", "the archived log", "list|verify|read|ship")
    group.add("list", list_hosts)
    verifying = group.add("verify", verify)
    verifying.add_argument("--since", type=_day, metavar="DAY", help="only what was archived on that day or later")
    reading = group.add("read", read)
    reading.add_argument(
        "--since", type=_moment, required=True, metavar="TIME", help="RFC 3339, such as 2026-11-23T09:00:00Z"
    )
    reading.add_argument("--until", type=_moment, metavar="TIME", help="as --since; now, if there is none")
    reading.add_argument("--account", metavar="ACCOUNT", help="only lines about this account")
    reading.add_argument("--request", metavar="ID", help="only lines of this request")
    group.add("ship", ship)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError("not a day") from None


def _moment(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text, re.ASCII):
        raise argparse.ArgumentTypeError("not a time with a zone")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("not a time with a zone") from None


def list_hosts(arguments: argparse.Namespace) -> int:
    """Hosts with archived lines: first and last day, number of manifests and segments."""
    from service.archive import logs

    archive = tools().archive
    if archive is None:
        return complain(NO_ARCHIVE)
    rows = []
    for host in logs.hosts(archive):
        names = logs.names_of(archive, host)
        days = sorted(names.manifests.values())
        rows.append(
            {
                "host": host,
                "first": days[0] if days else None,
                "last": days[-1] if days else None,
                "manifests": len(days),
                "segments": len(names.segments),
                "removed_through": max(names.pruned, default=0),
            }
        )
    lines = ["  ".join(f"{name} {value}" for name, value in row.items()) for row in rows]
    say(arguments, rows, "\n".join(lines) or "nothing is archived")
    return FINE


def verify(arguments: argparse.Namespace) -> int:
    """Check all digests, the chain of manifests, every file for gaps and overlaps, and every line; exit status 1 if something is wrong."""
    from service.audit import signing

    our = tools()
    if our.archive is None:
        return complain(NO_ARCHIVE)
    verifier = signing.of(our.settings).verifier
    doubt = verifier.doubts if verifier.keys else None
    done = _checked(our.archive, arguments.since, our.machine_clock().date(), doubt)
    lines = [_found(one) for one in done]
    if lines and doubt is None:
        lines.append(
            "not shown: no checkpoint key is known (PANLESS_CHECKPOINT_PUBLIC_KEYS): a chain made anew is not found"
        )
    say(arguments, [asdict(one) for one in done], "\n".join(lines) or "nothing is archived")
    return FOUND if not done or any(one.findings for one in done) else FINE


def _checked(archive: Archive, since: date | None, today: date, doubt: Doubt | None) -> list[Checked]:
    from service.archive import checking, logs

    until = today if since is None else max(today, since)
    return [checking.check(archive, host, since, until, doubt=doubt) for host in logs.hosts(archive)]


def _found(done: Checked) -> str:
    told = (
        f"{done.host}: {done.manifests} manifests, {done.segments} segments, {done.lines} lines since {done.first_day}"
    )
    head = f"; head {done.head[0]} {done.head[1]}" if done.head else ""
    places = [
        f"  {one.what}: {one.piece}" + (f" (file {one.file}, offset {one.offset})" if one.file else "")
        for one in done.findings
    ]
    return "\n".join([told + head, *places])


def read(arguments: argparse.Namespace) -> int:
    """Print archived lines; exit status 1 if there are none."""
    from service.archive import reading

    our = tools()
    if our.archive is None:
        return complain(NO_ARCHIVE)
    now = our.machine_clock()
    span = reading.Span(arguments.since, arguments.until or now, now)
    wanted = {"account": arguments.account, "request_id": arguments.request}
    found = [
        record
        for record in reading.records(our.archive, span)
        if all(value is None or record.get(name) == value for name, value in wanted.items())
    ]
    found.sort(key=lambda record: str(record.get("time", "")))
    say(arguments, found, "\n".join(json.dumps(record) for record in found) or "no such lines")
    return FINE if found else FOUND


def ship(arguments: argparse.Namespace) -> int:
    """Archive what this host's log files hold and the archive has not; the worker does it every twenty seconds."""
    from service import wiring
    from service.archive import rounds

    shipper = wiring.shipper(tools())
    if shipper is None:
        return complain("PANLESS_ARCHIVE_URL and PANLESS_LOG_FOLDER are not both set: nothing is archived")
    done = rounds.once(shipper)
    say(
        arguments,
        {"archived": done},
        "archived" if done else "not archived: the worker does it, or the archive is away",
    )
    return FINE if done else FAILED
