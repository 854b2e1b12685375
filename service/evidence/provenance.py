"""What was tried, so that it can be compared with what runs: versions, configuration without secrets, digests of code and description. Reads; never shows a secret's value."""

from __future__ import annotations

import hashlib
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

from service.config import ROOT, SETTINGS, Settings

PACKAGES = (
    "alembic", "cryptography", "flask", "gunicorn", "jinja2", "marshmallow", "prometheus-client", "procrastinate", "psycopg",
    "requests", "sqlalchemy", "structlog", "urllib3", "werkzeug",
)  # fmt: skip
#: The copy's own ports, which are others in every run: they say nothing, and would change the digest.
_PORT = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+")


def versions() -> dict[str, str]:
    """Of Panless, Python, the system, and the packages that serve."""
    try:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        project = "unknown"
    ours = {"Panless": str(project), "commit": _commit(), "Python": platform.python_version()}
    return {
        **ours,
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _commit() -> str:
    """The commit that is checked out, if this is a clone. What was changed since shows in the digest of the code alone."""
    git = ROOT / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text(encoding="ascii").strip()
        packed = (git / "packed-refs").read_text(encoding="ascii").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "unknown")
    except (OSError, UnicodeDecodeError):
        return "unknown"


def configuration(settings: Settings) -> dict[str, str | None]:
    """Each setting's value as text; None for a secret that is set, of which only the name is told."""
    told: dict[str, str | None] = {}
    for item, setting in zip(fields(Settings), SETTINGS, strict=True):
        value = getattr(settings, item.name)
        told[setting.name] = (None if value else "") if setting.secret else _PORT.sub(r"\1:*", _text(value))
    return told


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], int):
        return f"{value[0]}:{value[1]}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, Path):
        return value.relative_to(ROOT).as_posix() if value.is_relative_to(ROOT) else value.name
    return str(value).lower() if isinstance(value, bool) else str(value)


def digests(settings: Mapping[str, str | None]) -> dict[str, str]:
    """SHA-256 of what was tried: description, catalogue, locked requirements, all files of the code, and the configuration above."""
    found = {name: _of_file(ROOT / name) for name in ("openapi.yaml", "plans.toml", "requirements.txt")}
    lines = "".join(f"{name}={'' if value is None else value}\n" for name, value in sorted(settings.items()))
    return {**found, "service/**": code(), "configuration": hashlib.sha256(lines.encode()).hexdigest()}


def code() -> str:
    """One digest of all files of the service: of the lines `digest  path`, sorted by path, as `sha256sum` writes them."""
    files = sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "service").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return hashlib.sha256("".join(f"{_of_file(ROOT / name)}  {name}\n" for name in files).encode()).hexdigest()


def _of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
