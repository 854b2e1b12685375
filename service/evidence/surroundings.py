"""Whether a run can be made here, and where its evidence goes. Starts nothing, and writes over nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from service.config import ROOT

_CAP_SYS_PTRACE = 19


class UnprovenError(Exception):
    """The run could not be made; the text says why, in our own words."""


def check() -> None:
    """Raise UnprovenError where a private copy cannot be started, or cannot be looked into."""
    lacking = [name for name in ("dev", "simulator") if not (ROOT / name / "__main__.py").is_file()]
    if lacking:
        raise UnprovenError(
            f"{' and '.join(lacking)} are not here: a private copy needs the whole project. Run it from a checkout, not from the image"
        )
    if not _may_trace():
        raise UnprovenError(
            "memory, environment and open files of our processes are closed to other users, and to their own: run it as root, on Linux"
        )


def _may_trace() -> bool:
    """Whether we may look into processes that are hardened against it (CAP_SYS_PTRACE, bit 19; proc(5), capabilities(7))."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    effective = next((line.partition(":")[2].strip() for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_SYS_PTRACE & 1)


def folder_for(out: Path | None, began: datetime) -> Path:
    """The folder for the evidence, made and empty. Raises UnprovenError."""
    folder = (out or ROOT / "var" / "evidence" / began.strftime("%Y-%m-%dT%H%M%SZ")).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError:
        raise UnprovenError("the folder for the evidence cannot be made") from None
    if not empty:
        raise UnprovenError("the folder for the evidence is not empty: evidence is not written over")
    return folder
