"""Which modules are changed, and which tests must notice. Holds no logic of changing or trying."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dev.bootstrap import ROOT
from dev.errors import DevError

_GUARD = "tests/cardguard/test_cardguard_"
_WHOLE = ("detect", "detect_matrix", "detect_honest")
_REDACTION = "tests/telemetry/test_telemetry_redaction.py"


@dataclass(frozen=True)
class Target:
    """A module, and the files of its tests, the likeliest to notice first."""

    module: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return Path(self.module).stem

    @property
    def group(self) -> str:
        """Whose score it counts to."""
        return str(Path(self.module).parent) if "cardguard" in self.module else self.module


def _guard(module: str, *tests: str) -> Target:
    return Target(f"service/cardguard/{module}.py", tuple(f"{_GUARD}{test}.py" for test in tests))


TARGETS = (
    _guard("formats", "formats", "fields", "gate"),
    _guard("fields", "fields_described", "fields"),
    _guard("domains", "domains_declared"),
    _guard("process", "process"),
    _guard("gate", "gate_failing", "gate"),
    _guard("places", "places", "gate"),
    _guard("detect_numbers", "detect_numbers", "detect_groups", *_WHOLE),
    _guard("detect_forms", "detect_forms", "detect_formats", "detect_words", *_WHOLE),
    _guard("detect", "detect_words", *_WHOLE),
    Target("service/telemetry/redaction.py", (_REDACTION,)),
)


def chosen(names: list[str]) -> list[Target]:
    """The targets of these names, all of them for none."""
    if unknown := sorted(set(names) - {target.name for target in TARGETS}):
        raise DevError(
            f"no such module: {', '.join(unknown)}; there are: {', '.join(target.name for target in TARGETS)}"
        )
    return [target for target in TARGETS if not names or target.name in names]


def without_target() -> list[str]:
    """Modules of the guard that nothing here speaks of. A package's own file holds no code."""
    there = {
        str(file.relative_to(ROOT)) for file in (ROOT / "service/cardguard").glob("*.py") if file.name != "__init__.py"
    }
    return sorted(there - {target.module for target in TARGETS})
