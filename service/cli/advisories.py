"""Says which known flaws the installed packages have, and how old that knowledge is."""

from __future__ import annotations

import argparse

from service.cli.common import FINE, FOUND, Commands, say


def register(commands: Commands) -> None:
    """Add `advisories`."""
    commands.add("advisories", look)


def look(arguments: argparse.Namespace) -> int:
    """Known flaws of the installed packages, by the list that came with the code; exit status 1 if there is one."""
    from service import wiring
    from service.supply import advisories

    known = advisories.read()
    found, age = known.open(advisories.installed), known.age(wiring.system_clock().date())
    rows = [
        {"package": flaw.package, "version": version, "flaw": flaw.id, "fixed": list(flaw.fixed)}
        for flaw, version in found
    ]
    lines = [
        f"{flaw.package} {version}: {flaw.means} ({flaw.id}), fixed in {' and '.join(flaw.fixed)}"
        for flaw, version in found
    ]
    lines.append(f"{len(known.flaws)} known flaws, as of {known.read_on}, {age} days ago")
    if age > advisories.OLD_DAYS:
        lines.append(
            f"warning: the list is older than {advisories.OLD_DAYS} days; renew service/supply/advisories.toml"
        )
    say(
        arguments,
        {"read_on": str(known.read_on), "age_days": age, "old": age > advisories.OLD_DAYS, "open": rows},
        "\n".join(lines),
    )
    return FOUND if found else FINE
