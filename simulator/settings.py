"""The simulator's settings: options, then environment variables, then defaults. It must never accept an address outside loopback or a credential that looks live."""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_LIVE_WORD = re.compile(r"(?:^|[^a-z0-9])(?:live|prod|production)(?:[^a-z0-9]|$)", re.IGNORECASE)
# A real API user is "API_" and the milliseconds of its creation, thirteen digits or more (bluesnap/api.md section 2).
_LIVE_USER = re.compile(r"API_\d{13,}")


class SettingsRefused(ValueError):
    """The simulator must not start; the text is one plain line for a person."""


@dataclass(frozen=True)
class ShopSettings:
    """What the demo shop needs to know: addresses without a trailing slash, and an API key of the service."""

    panless_url: str
    api_key: str = field(repr=False)
    script_url: str
    origin: str


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen at start. Port 0 means any free port."""

    host: str = "127.0.0.1"
    port: int = 8090
    fields_host: str = "localhost"
    fields_port: int = 8091
    shop_host: str = "localhost"
    shop_port: int = 8070
    fields: bool = True
    shop: bool = True
    user: str = "API_1000000001"
    password: str = field(default="simulator-password-1", repr=False)
    webhook_url: str = "http://127.0.0.1:8080/webhooks/bluesnap"
    webhook_key: str = field(default="simulator-webhook-key-0123456789", repr=False)
    seed: int = 1
    notice_retry_seconds: float = 1.0
    shop_panless_url: str = "http://127.0.0.1:8080"
    shop_api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what would bind to, call, or look like something outside this machine.

        Raises SettingsRefused.
        """
        for name in ("host", "fields_host", "shop_host"):
            if not is_loopback(getattr(self, name)):
                raise SettingsRefused(
                    f"{name} must be a loopback address; the simulator is never reachable from outside"
                )
        check_loopback_url("webhook_url", self.webhook_url)
        check_loopback_url("shop_panless_url", self.shop_panless_url)
        if _LIVE_USER.fullmatch(self.user):
            raise SettingsRefused("user looks like a real BlueSnap API user; the simulator takes made-up ones only")
        for name in ("password", "webhook_key", "shop_api_key"):
            if _LIVE_WORD.search(getattr(self, name)):
                raise SettingsRefused(f"{name} looks like a live secret; the simulator takes made-up ones only")
        for name in ("user", "password", "webhook_key"):
            if not getattr(self, name):
                raise SettingsRefused(f"{name} must not be empty")


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be this machine. No name is looked up: `localhost` is the one accepted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_loopback_url(name: str, url: str) -> None:
    """Raise SettingsRefused unless the address is plain http on this machine."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsRefused(f"{name} must be an http address on loopback")


_TEXT_OPTIONS = {
    "host": "address of the protocol and lever face",
    "fields-host": "name under which the hosted fields are served",
    "shop-host": "name under which the demo shop is served",
    "user": "Basic user that is accepted",
    "password": "Basic password that is accepted",
    "webhook-url": "where notices go (loopback only)",
    "webhook-key": "key that signs notices",
    "shop-panless-url": "the service, as the demo shop calls it",
    "shop-api-key": "the demo shop's API key of the service; without one the shop is not started",
    "shop-api-key-file": "file that holds the demo shop's API key",
}
_NUMBER_OPTIONS = {
    "port": "port of the protocol and lever face, 0 for any free one",
    "fields-port": "port of the hosted fields, 0 for any free one",
    "shop-port": "port of the demo shop, 0 for any free one",
    "seed": "seed of every random choice",
}


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings of this start. An option wins over `SIMULATOR_<OPTION>`, which wins over the default.

    Raises SettingsRefused; a wrong option ends the process with status 2, as argparse does.
    """
    parser = argparse.ArgumentParser(prog="python -m simulator", description="BlueSnap in miniature, on loopback.")
    for name, meaning in _TEXT_OPTIONS.items():
        parser.add_argument(f"--{name}", help=meaning)
    for name, meaning in _NUMBER_OPTIONS.items():
        parser.add_argument(f"--{name}", help=meaning)
    parser.add_argument("--notice-retry-seconds", help="spacing of the attempts to deliver a notice")
    parser.add_argument("--no-fields", action="store_true", default=None, help="do not serve the hosted fields")
    parser.add_argument("--no-shop", action="store_true", default=None, help="do not serve the demo shop")
    chosen = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    for name in vars(parser.parse_args([])):
        if name not in chosen and environ.get(f"SIMULATOR_{name.upper()}"):
            chosen[name] = environ[f"SIMULATOR_{name.upper()}"]
    return _settings(chosen)


def _settings(chosen: dict[str, object]) -> Settings:
    """Turn texts into settings; raises SettingsRefused for what is no number, no switch or no readable file."""
    values: dict[str, object] = {}
    for name, given in chosen.items():
        if name in {"no_fields", "no_shop"}:
            values[name.removeprefix("no_")] = str(given).lower() not in {"true", "1", "yes"}
        elif name == "shop_api_key_file":
            values["shop_api_key"] = chosen.get("shop_api_key") or _secret_from(str(given))
        elif name.replace("_", "-") in _NUMBER_OPTIONS:
            values[name] = _number(name, str(given), int)
        elif name == "notice_retry_seconds":
            values[name] = _number(name, str(given), float)
        else:
            values[name] = str(given)
    return Settings(**values)  # type: ignore[arg-type]  # every name comes from the parser above


def _number(name: str, text: str, kind: type[int | float]) -> float:
    try:
        number = kind(text)
    except ValueError:
        raise SettingsRefused(f"{name} must be a number") from None
    if number < 0 or (name.endswith("port") and number > 65535):
        raise SettingsRefused(f"{name} is out of range")
    return number


def _secret_from(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        raise SettingsRefused("shop_api_key_file cannot be read") from None
