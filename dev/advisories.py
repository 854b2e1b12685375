"""`python -m dev advisories`: the pinned requirements against the list of known flaws. Exit status 1 for a flaw; an old list is a warning and no more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from dev.bootstrap import ROOT
from service.supply import advisories

PINNED = ("requirements.txt", "requirements-dev.txt")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(paths: list[Path]) -> dict[str, str]:
    """The version of each pinned package, by its name as registries compare names."""
    found = [pin for path in paths for pin in _PIN.findall(path.read_text(encoding="utf-8"))]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def main(_arguments: list[str]) -> int:
    """Look, and say what is found."""
    known = advisories.read()
    found = known.open(pins([ROOT / name for name in PINNED]).get)
    for flaw, version in found:
        print(f"{flaw.package} {version}: {flaw.means} ({flaw.id}), fixed in {' and '.join(flaw.fixed)}")
    age = known.age(datetime.now(UTC).date())
    print(
        f"{len(known.flaws)} known flaws, as of {known.read_on}, {age} days ago; {len(found)} concern our requirements"
    )
    if age > advisories.OLD_DAYS:
        print(f"warning: the list is older than {advisories.OLD_DAYS} days: renew service/supply/advisories.toml")
    return 1 if found else 0
