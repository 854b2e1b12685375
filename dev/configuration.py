"""The settings of a stack, as environment variables, and the file that keeps them. Secrets are made once and stay, since sealed data must stay readable."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dev.pgcluster import write_private
from dev.ports import Ports

#: The published defaults of `python -m simulator`: they open nothing but a toy on this machine.
_SIMULATOR = {
    "user": "API_1000000001",
    "password": "simulator-password-1",
    "webhook_key": "simulator-webhook-key-0123456789",
}


def of_service(ports: Ports, database_url: str, data: Path, kept: Mapping[str, str]) -> dict[str, str]:
    """Every PANLESS_ setting that differs from its default, for a service that sells through the simulator and archives below `data`."""
    simulator = f"http://127.0.0.1:{ports.simulator}"
    return {
        "PANLESS_ENVIRONMENT": "simulator",
        "PANLESS_DATABASE_URL": database_url,
        "PANLESS_BLUESNAP_URL": simulator,
        "PANLESS_BLUESNAP_USER": _SIMULATOR["user"],
        "PANLESS_BLUESNAP_PASSWORD": _SIMULATOR["password"],
        "PANLESS_HOSTED_FIELDS_URL": f"http://localhost:{ports.fields}",
        "PANLESS_WEBHOOK_KEYS": _SIMULATOR["webhook_key"],
        "PANLESS_CORS_ORIGINS": f"http://localhost:{ports.shop}",
        "PANLESS_CLOCK": "simulator",
        "PANLESS_CLOCK_URL": f"{simulator}/_levers/clock",
        "PANLESS_IDEMPOTENCY_PROVEN": "true",
        "PANLESS_OIDC_ISSUER": f"http://127.0.0.1:{ports.issuer}",
        "PANLESS_BIND": f"127.0.0.1:{ports.service}",
        "PANLESS_METRICS_BIND": f"127.0.0.1:{ports.metrics}",
        "PANLESS_WORKER_METRICS_BIND": f"127.0.0.1:{ports.worker}",
        "PANLESS_WORKERS": "2",
        "PANLESS_LOG_FOLDER": str(data / "loglines"),
        "PANLESS_ARCHIVE_URL": str(data / "archive"),
        # everybody who tries the demo has one address, and most try the declining card first
        "PANLESS_SESSIONS_PER_ADDRESS": "100000",
        "PANLESS_BREAKER_MINIMUM": "1000",
        "PANLESS_SECURITY_CONTACT": "mailto:security@panless.example",
        "PANLESS_CHECKPOINT_KEYS": kept.get("PANLESS_CHECKPOINT_KEYS") or _new_secret_key(),
        "PANLESS_ERASURE_KEYS": kept.get("PANLESS_ERASURE_KEYS") or _new_secret_key(),
        "PANLESS_SECRET_KEYS": kept.get("PANLESS_SECRET_KEYS") or _new_secret_key(),
    }


def _new_secret_key() -> str:
    return "local:" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def of_simulator(ports: Ports, api_key: Path) -> dict[str, str]:
    """The simulator's settings: it serves the demo shop with the API key in that file, and sends its notices to the service."""
    service = f"http://127.0.0.1:{ports.service}"
    return {
        "SIMULATOR_PORT": str(ports.simulator),
        "SIMULATOR_FIELDS_PORT": str(ports.fields),
        "SIMULATOR_SHOP_PORT": str(ports.shop),
        "SIMULATOR_ISSUER_PORT": str(ports.issuer),
        "SIMULATOR_USER": _SIMULATOR["user"],
        "SIMULATOR_PASSWORD": _SIMULATOR["password"],
        "SIMULATOR_WEBHOOK_KEY": _SIMULATOR["webhook_key"],
        "SIMULATOR_WEBHOOK_URL": f"{service}/webhooks/bluesnap",
        "SIMULATOR_SHOP_PANLESS_URL": service,
        "SIMULATOR_SHOP_API_KEY_FILE": str(api_key),
    }


def surroundings() -> dict[str, str]:
    """Our environment without what would steer a part of the stack or PostgreSQL's client behind our back."""
    steering = ("PANLESS_", "SIMULATOR_", "PG")
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(steering) and name != "DATABASE_URL"
    }
    return {**ours, "PYTHONUNBUFFERED": "1"}


def read(file: Path) -> dict[str, str]:
    """The settings that an earlier start wrote; none if there was none."""
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write(file: Path, settings: Mapping[str, str]) -> None:
    """Write KEY=VALUE lines of what is a setting, which only we can read. `python -m service` reads them where nothing else is set."""
    lines = [
        "# written by `python -m dev run`; holds secrets",
        *(f"{name}={value}" for name, value in settings.items() if name.startswith("PANLESS_")),
    ]
    write_private(file, "\n".join(lines) + "\n")
