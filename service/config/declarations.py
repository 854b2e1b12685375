"""Every setting, once: name, parser, default, meaning, secret or not."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from service.config import parsers
from service.config.declaring import ROOT, Environment, Setting, one
from service.config.of_logins import OfLogins
from service.config.of_people import OfPeople
from service.config.of_proof import OfProof


@dataclass(frozen=True)
class Settings(OfPeople, OfProof, OfLogins):
    """All settings, parsed. Each field's meaning stands beside it; `python -m service settings` prints them."""

    environment: Environment = one(
        "ENVIRONMENT", Environment, "simulator, sandbox or production; a database serves one of them only"
    )
    bluesnap_url: str = one("BLUESNAP_URL", parsers.origin, "origin of BlueSnap's API, without /services/2")
    bluesnap_user: str = one("BLUESNAP_USER", parsers.user, "API user of the BlueSnap account", secret=True)
    bluesnap_password: str = one("BLUESNAP_PASSWORD", parsers.text, "its password", secret=True)
    bluesnap_user_other: str | None = one(
        "BLUESNAP_USER_OTHER",
        parsers.user,
        "API user of a second pair, tried where BlueSnap refuses the first; by default the same",
        None,
        secret=True,
    )
    bluesnap_password_other: str | None = one(
        "BLUESNAP_PASSWORD_OTHER", parsers.text, "its password; none: there is one pair", None, secret=True
    )
    hosted_fields_url: str = one("HOSTED_FIELDS_URL", parsers.origin, "origin of BlueSnap's hosted-fields script")
    webhook_keys: tuple[str, ...] = one(
        "WEBHOOK_KEYS",
        parsers.list_(parsers.webhook_key),
        "keys that sign BlueSnap's notices, newest first, by commas",
        secret=True,
    )
    secret_keys: tuple[tuple[str, bytes], ...] = one(
        "SECRET_KEYS",
        parsers.list_(parsers.key),
        "keyid:base64 of 32 random bytes, newest first, by commas; seals and derives our own secrets",
        secret=True,
    )
    cors_origins: tuple[str, ...] = one(
        "CORS_ORIGINS",
        parsers.list_(parsers.origin),
        "origins of signup pages that may call the browser door, by commas",
        (),
    )
    trusted_hosts: tuple[str, ...] = one(
        "TRUSTED_HOSTS",
        parsers.list_(parsers.text),
        "host names that requests may name; loopback alone if empty",
        ("127.0.0.1", "localhost"),
    )
    trusted_proxies: tuple[Any, ...] = one(
        "TRUSTED_PROXIES",
        parsers.list_(parsers.network),
        "networks of our own proxies; only they may say X-Forwarded-For",
        (),
    )
    clock: str = one("CLOCK", parsers.choice("system", "simulator"), "where business time comes from", "system")
    clock_url: str = one(
        "CLOCK_URL", parsers.text, "the simulator's clock, if that is the one", "http://127.0.0.1:8090/_levers/clock"
    )
    idempotency_proven: bool = one(
        "IDEMPOTENCY_PROVEN",
        parsers.boolean,
        "true only after a recorded sandbox test: BlueSnap keeps idempotency keys, so an unknown charge may be repeated",
        default=False,
    )
    billing_zone: zoneinfo.ZoneInfo = one(
        "BILLING_ZONE", parsers.zone, "the zone of billing days", zoneinfo.ZoneInfo("America/Los_Angeles")
    )
    notice_window_seconds: int = one(
        "NOTICE_WINDOW_SECONDS", parsers.integer(1, 86_400), "age up to which a signed notice is applied directly", 300
    )
    notice_zone: zoneinfo.ZoneInfo = one(
        "NOTICE_ZONE", parsers.zone, "the zone of the signed timestamp", zoneinfo.ZoneInfo("UTC")
    )
    bind: tuple[str, int] = one("BIND", parsers.bind, "where the service listens", ("127.0.0.1", 8080))
    metrics_bind: tuple[str, int] = one("METRICS_BIND", parsers.bind, "where metrics are served", ("127.0.0.1", 8081))
    workers: int = one("WORKERS", parsers.integer(1, 64), "gunicorn worker processes", 2)
    threads: int = one("THREADS", parsers.integer(1, 512), "threads of each worker", 16)
    reserved_threads: int = one(
        "RESERVED_THREADS",
        parsers.integer(1, 511),
        "of these, how many never wait for BlueSnap: for notices, reads and health checks",
        4,
    )
    connections: int = one(
        "CONNECTIONS", parsers.integer(16, 20_000), "of callers that each worker has open; more wait to be taken", 500
    )
    plans_file: Path = one("PLANS_FILE", Path, "the catalogue", ROOT / "plans.toml")
    max_members: int = one("MAX_MEMBERS", parsers.integer(1, 100_000), "members that one subscription may have", 10_000)
    session_minutes: int = one("SESSION_MINUTES", parsers.integer(1, 10_080), "life of a checkout session", 1_440)
    fields_minutes: int = one(
        "FIELDS_MINUTES", parsers.integer(1, 60), "trusted life of a payment-fields token; BlueSnap's is 60", 55
    )
    client_secret_grace_seconds: int = one(
        "CLIENT_SECRET_GRACE_SECONDS",
        parsers.integer(0, 86_400),
        "life of a client secret after the session's end",
        600,
    )
    attempts_per_session: int = one("ATTEMPTS_PER_SESSION", parsers.integer(1, 100), "card attempts of one session", 3)
    attempts_per_account: int = one(
        "ATTEMPTS_PER_ACCOUNT", parsers.integer(1, 1_000), "card attempts of one account in 24 hours", 5
    )
    renewals_per_session: int = one(
        "RENEWALS_PER_SESSION", parsers.integer(1, 1_000), "fresh payment-fields tokens of one session", 10
    )
    sessions_per_address: int = one(
        "SESSIONS_PER_ADDRESS", parsers.integer(1, 1_000_000), "sessions of one client address prefix in 10 minutes", 5
    )
    breaker_percent: int = one(
        "BREAKER_PERCENT", parsers.integer(1, 100), "share of declines in 5 minutes that stops card attempts", 40
    )
    breaker_minimum: int = one(
        "BREAKER_MINIMUM", parsers.integer(1, 100_000), "attempts in 5 minutes below which the breaker rests", 20
    )
    quiet_seconds: int = one(
        "QUIET_SECONDS", parsers.integer(1, 3_600), "time after an unknown outcome before BlueSnap is asked", 120
    )
    grace_days: int = one("GRACE_DAYS", parsers.integer(0, 365), "days of full access after a failed renewal", 60)
    look_seconds: int = one(
        "LOOK_SECONDS",
        parsers.integer(1, 3_600),
        "time until BlueSnap is asked again about a renewal that it has not told",
        900,
    )
    dispute_access: str = one(
        "DISPUTE_ACCESS",
        parsers.choice("period", "full", "none"),
        "access while a charge is disputed: to the end of the paid period, as if it were not, or none",
        "period",
    )
    three_d_secure: str = one(
        "THREE_D_SECURE",
        parsers.choice("when_asked", "always"),
        "whether sessions demand 3-D Secure from the start, or only after a bank has asked for it",
        "when_asked",
    )
    events_url: str | None = one(
        "EVENTS_URL",
        parsers.address,
        "the platform's own address for signed events, https and public; none: no events",
        None,
    )
    events_secrets: tuple[bytes, ...] = one(
        "EVENTS_SECRETS",
        parsers.list_(parsers.events_secret),
        "keys that sign events, as whsec_ and base64 (Standard Webhooks), newest first, by commas",
        (),
        secret=True,
    )
    events_seconds: int = one("EVENTS_SECONDS", parsers.integer(1, 60), "for the platform to answer an event", 15)
    public_url: str | None = one(
        "PUBLIC_URL",
        parsers.origin,
        "origin under which BlueSnap reaches us; `doctor` compares it with BlueSnap's",
        None,
    )
    canary_url: str | None = one(
        "CANARY_URL",
        parsers.origin,
        "this deployment's own origin, at which the worker tries the doors with a test card number once an hour; none: it does not",
        None,
    )
    security_contact: tuple[str, ...] = one(
        "SECURITY_CONTACT",
        parsers.list_(parsers.contact),
        "whom to tell of a hole, as mailto:… or https://…, the preferred one first, by commas; production needs one",
        (),
    )
    log_folder: Path | None = one(
        "LOG_FOLDER",
        Path,
        "folder on this host in which log lines are kept until they are archived; none: nowhere",
        None,
    )
    log_folder_days: int = one(
        "LOG_FOLDER_DAYS", parsers.integer(1, 90), "days that log lines stay on this host once they are archived", 3
    )
    log_archive_days: int = one(
        "LOG_ARCHIVE_DAYS", parsers.integer(31, 3_660), "days that log lines stay in the archive", 366
    )
    sweep_hours: int = one("SWEEP_HOURS", parsers.integer(1, 24), "hours between two sweeps of the worker", 6)
    worker_metrics_bind: tuple[str, int] = one(
        "WORKER_METRICS_BIND", parsers.bind, "where the worker's metrics are served", ("127.0.0.1", 8082)
    )
    key_hours: int = one(
        "KEY_HOURS", parsers.integer(24, 8_760), "how long an idempotency key and its answer are kept, at least", 72
    )
    grant_minutes: int = one("GRANT_MINUTES", parsers.integer(1, 240), "life of a grant that names none", 60)
    grant_most_minutes: int = one("GRANT_MOST_MINUTES", parsers.integer(1, 240), "longest life of a grant", 240)
    break_glass_minutes: int = one("BREAK_GLASS_MINUTES", parsers.integer(1, 60), "of a grant without approval", 30)
    lease_seconds: int = one("LEASE_SECONDS", parsers.integer(1, 3_600), "how long one process may hold a signup", 90)
    connect_seconds: int = one("CONNECT_SECONDS", parsers.integer(1, 60), "to connect to BlueSnap", 3)
    read_seconds: int = one(
        "READ_SECONDS", parsers.integer(1, 300), "between two bytes of an answer that moves no money", 15
    )
    total_seconds: int = one("TOTAL_SECONDS", parsers.integer(1, 300), "for a whole call that moves no money", 20)
    charge_read_seconds: int = one(
        "CHARGE_READ_SECONDS", parsers.integer(1, 300), "between two bytes of the answer to a charge", 60
    )
    charge_total_seconds: int = one(
        "CHARGE_TOTAL_SECONDS", parsers.integer(1, 300), "for a whole call that charges", 65
    )
    wait_seconds: int = one(
        "WAIT_SECONDS",
        parsers.integer(1, 300),
        "that a whole request may have waited for a thread; later it makes no call to BlueSnap any more",
        5,
    )
    request_seconds: int = one(
        "REQUEST_SECONDS",
        parsers.integer(1, 600),
        "from a request's first byte to the end of its last call to BlueSnap",
        70,
    )
    worker_timeout_seconds: int = one(
        "WORKER_TIMEOUT_SECONDS", parsers.integer(1, 3_600), "of silence until a gunicorn worker is killed", 75
    )
    graceful_seconds: int = one(
        "GRACEFUL_SECONDS", parsers.integer(1, 3_600), "for running requests to end after SIGTERM", 80
    )
    proxy_seconds: int = one(
        "PROXY_SECONDS",
        parsers.integer(1, 3_600),
        "that your own proxy waits for an answer; ours must all be shorter",
        90,
    )
    max_body_bytes: int = one("MAX_BODY_BYTES", parsers.integer(1_024, 1_048_576), "largest request body", 16_384)
    max_notice_bytes: int = one("MAX_NOTICE_BYTES", parsers.integer(1_024, 1_048_576), "largest notice body", 65_536)


#: Each setting with the name of its field.
NAMED: tuple[tuple[Setting, str], ...] = tuple((item.metadata["setting"], item.name) for item in fields(Settings))
SETTINGS: tuple[Setting, ...] = tuple(item.metadata["setting"] for item in fields(Settings))
