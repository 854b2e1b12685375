"""How a setting is declared: its name, how its text is read, what it means, and whether it is a secret."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFIX = "PANLESS_"
ROOT = Path(__file__).resolve().parents[2]
REQUIRED = object()


class Environment(enum.StrEnum):
    """Which BlueSnap this deployment sells through. One database belongs to one environment, for ever."""

    SIMULATOR = "simulator"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


@dataclass(frozen=True)
class Setting:
    """One setting as documented. `parse` raises ValueError with a constant text."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False
    alias: str | None = None


def one(
    name: str,
    parse: Callable[[str], Any],
    meaning: str,
    default: Any = REQUIRED,
    *,
    secret: bool = False,
    alias: str | None = None,
) -> Any:
    """A field of the settings; without a default it must be given."""
    return field(metadata={"setting": Setting(PREFIX + name, parse, default, meaning, secret, alias)})
