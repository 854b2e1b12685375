"""Compares what is installed with the list of known flaws that came with the code. Asks nobody; must never fail anything because a date has passed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

LIST = Path(__file__).with_name("advisories.toml")
#: A list that is older says little: flaws are found every day (specs on security, 7.1).
OLD_DAYS = 14
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
Version = tuple[int, ...]


@dataclass(frozen=True)
class Flaw:
    """A flaw of a package. `fixed` are the first versions without it, one for each line of versions."""

    id: str
    package: str
    fixed: tuple[str, ...]
    means: str

    def is_in(self, version: str) -> bool:
        """Whether this version has it: it is older than the last fix, and than that of its own line."""
        here, fixes = parsed(version), sorted(parsed(one) for one in self.fixed)
        return not (here >= fixes[-1] or any(here[:1] == fix[:1] and here >= fix for fix in fixes))


@dataclass(frozen=True)
class Advisories:
    """All flaws that were known on a day."""

    read_on: date
    flaws: tuple[Flaw, ...]

    def age(self, today: date) -> int:
        """In days; none for a clock that is behind."""
        return max((today - self.read_on).days, 0)

    def open(self, version_of: Callable[[str], str | None]) -> list[tuple[Flaw, str]]:
        """The flaws that what is installed has, with the version that has them. `version_of` answers None for what is not there."""
        found = [(flaw, version_of(flaw.package)) for flaw in self.flaws]
        return [(flaw, version) for flaw, version in found if version is not None and flaw.is_in(version)]


def parsed(version: str) -> Version:
    """The numbers of a version; what follows them (`rc1`, `.post2`) counts as nothing."""
    found = _RELEASE.match(version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def read(path: Path = LIST) -> Advisories:
    """The list as it came with the code."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    flaws: Iterable[dict[str, object]] = data["flaw"]
    made = [
        Flaw(str(one["id"]), str(one["package"]), tuple(map(str, one["fixed"])), str(one["means"]))  # type: ignore[call-overload]
        for one in flaws
    ]
    return Advisories(data["read_on"], tuple(made))


def installed(package: str) -> str | None:
    """The version that this process would import, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
