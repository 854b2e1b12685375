"""Settings: declared in declarations.py, read here. A wrong or missing one stops the process; no value is ever printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.config import outside
from service.config.deadlines import broken_links
from service.config.declarations import NAMED, SETTINGS, Settings
from service.config.declaring import PREFIX, REQUIRED, ROOT, Environment, Setting
from service.config.parsers import LOOPBACK
from service.config.weakness import repeats
from service.errors import SettingsError

__all__ = ["NAMED", "REQUIRED", "ROOT", "SETTINGS", "Environment", "Setting", "Settings", "load", "local_environ"]

#: `python -m dev run` writes the settings of its stack here, so that operator commands find it with nothing set.
LOCAL_SETTINGS = ROOT / "var" / "panless.env"


def _raw(setting: Setting, environ: Mapping[str, str]) -> str | None:
    """The text of a setting: the variable, the file that NAME_FILE names (secrets only), or the alias."""
    value = environ.get(setting.name)
    if value is None and setting.secret and setting.name + "_FILE" in environ:
        try:
            value = Path(environ[setting.name + "_FILE"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError("names a file that cannot be read") from None
    if value is None and setting.alias is not None:
        value = environ.get(setting.alias)
    return value or None


def local_environ(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, or that of the local stack where nothing of ours is set and a stack has been made here."""
    if any(name.startswith(PREFIX) for name in environ) or not LOCAL_SETTINGS.is_file():
        return environ
    lines = LOCAL_SETTINGS.read_text(encoding="utf-8").splitlines()
    return {**environ, **dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))}


def load(environ: Mapping[str, str]) -> Settings:
    """All settings, or SettingsError with every problem at once, by name."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in fields(Settings):
        setting: Setting = item.metadata["setting"]
        try:
            raw = _raw(setting, environ)
            values[item.name] = setting.parse(raw) if raw is not None else setting.default
        except ValueError as error:
            problems.append(
                f"{setting.name} {error}" if setting.parse is not Environment else f"{setting.name} is wrong"
            )
            continue
        if values[item.name] is REQUIRED:
            problems.append(f"{setting.name} is not set")
    if problems:
        raise SettingsError("; ".join(problems))
    settings = Settings(**values)
    problems = _contradictions(settings, environ)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _contradictions(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """What is wrong about settings that are each right."""
    problems: list[str] = []
    if settings.environment is Environment.SIMULATOR:
        if (urlsplit(settings.bluesnap_url).hostname or "") not in LOOPBACK:
            problems.append("PANLESS_BLUESNAP_URL must be on loopback for the simulator")
    else:
        problems += outside.problems(settings, environ) + broken_links(settings)
    if settings.events_url is not None and not settings.events_secrets:
        problems.append("PANLESS_EVENTS_SECRETS is empty: the platform could not tell our events from forged ones")
    if settings.bluesnap_user_other is not None and settings.bluesnap_password_other is None:
        problems.append("PANLESS_BLUESNAP_USER_OTHER is set without PANLESS_BLUESNAP_PASSWORD_OTHER")
    if not settings.webhook_keys:
        problems.append("PANLESS_WEBHOOK_KEYS is empty: BlueSnap's notices could not be told from forged ones")
    if not settings.secret_keys:
        problems.append("PANLESS_SECRET_KEYS is empty")
    if repeats([key_id for key_id, _ in settings.secret_keys]):
        problems.append("PANLESS_SECRET_KEYS names two keys alike")
    return problems
