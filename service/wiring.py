"""Builds the long-lived tools of a process: engine, BlueSnap client, clock, catalogue, keyring. The only place that reads a clock for business."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import urllib3
from sqlalchemy import Engine

from service.archive import Archive
from service.archive.shipping import Shipper
from service.audit import signing
from service.audit.checkpointing import Checkpointing
from service.audit.verify import Audit
from service.billing import catalogue
from service.billing.tools import Tools
from service.bluesnap.client import BlueSnapClient, Timeouts
from service.config import Environment, Settings
from service.config.of_logins import OF_DOORS
from service.errors import Code, Refusal
from service.identity.fetching import over_http
from service.identity.issuer import Issuer, Rules
from service.platform.client import PlatformClient
from service.store import database
from service.store.keyring import Keyring
from service.telemetry import metrics

Clock = Callable[[], datetime]
CLOCK_SECONDS = 5


def system_clock() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


def simulator_clock(url: str) -> Clock:
    """The simulator's time, asked anew at every reading: tests move it, and months pass in seconds (DESIGN section 11)."""
    pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=CLOCK_SECONDS)

    def read() -> datetime:
        try:
            return datetime.fromisoformat(pool.request("GET", url, redirect=False).json()["now"])
        except (urllib3.exceptions.HTTPError, ValueError, KeyError):
            raise Refusal(Code.NOT_READY, retry_after=2) from None

    return read


def _observe(call: str, outcome: str, seconds: float) -> None:
    metrics.BLUESNAP_CALLS.labels(call=call, outcome=outcome).inc()
    metrics.BLUESNAP_SECONDS.labels(call=call).observe(seconds)


def _credentials_refused(pair: str) -> None:
    metrics.BLUESNAP_CREDENTIALS_REFUSED.labels(pair=pair).inc()


def _other_credentials(settings: Settings) -> tuple[str, str] | None:
    """The second pair, while credentials are being changed."""
    password = settings.bluesnap_password_other
    return (settings.bluesnap_user_other or settings.bluesnap_user, password) if password is not None else None


def build(settings: Settings, part: str = "operator") -> Tools:
    """All tools for one process: `web`, `worker`, or an operator's. Opens no connection yet."""
    settings = settings.of_part(part)
    timeouts = Timeouts(
        connect=settings.connect_seconds,
        read=settings.read_seconds,
        total=settings.total_seconds,
        charging_connect=settings.connect_seconds,
        charging_read=settings.charge_read_seconds,
        charging_total=settings.charge_total_seconds,
    )
    return Tools(
        settings=settings,
        engine=database.connect(settings.database_url, pool_size=settings.threads),
        bluesnap=BlueSnapClient(
            base_url=settings.bluesnap_url,
            user=settings.bluesnap_user,
            password=settings.bluesnap_password,
            other=_other_credentials(settings),
            timeouts=timeouts,
            observe=_observe,
            refused=_credentials_refused,
            pool_size=settings.threads,
        ),
        clock=simulator_clock(settings.clock_url) if settings.clock == "simulator" else system_clock,
        machine_clock=system_clock,
        catalogue=catalogue.read(settings.plans_file, settings.environment),
        keyring=Keyring(settings.secret_keys),
        platform=_platform(settings),
        archive=Archive.open(settings.archive_url) if settings.archive_url else None,
        issuer=_issuer(settings),
        others=_logins_of_doors(settings) if part == "web" else {},
    )


def _logins_of_doors(settings: Settings) -> dict[str, Engine]:
    """For the doors that need other rights than the rest of `serve`: engines over logins of their own, where they have one."""
    urls = {part: url for part, url in settings.own_urls().items() if part in OF_DOORS}
    return {part: database.connect(url, pool_size=settings.threads) for part, url in urls.items()}


def checkpointing(tools: Tools) -> Checkpointing:
    """The worker's rounds that sign and copy checkpoints."""
    settings = tools.settings
    return Checkpointing(tools.engine, settings.database_url, signing.of(settings), tools.archive)


def audit(tools: Tools) -> Audit:
    """An audit of the journal."""
    return Audit(tools.settings.database_url, signing.of(tools.settings).verifier, tools.archive)


def _platform(settings: Settings) -> PlatformClient | None:
    """The way to the platform's own address, if one is set. A developer's may be on loopback, with the simulator only."""
    if settings.events_url is None:
        return None
    return PlatformClient(
        settings.events_url,
        settings.events_secrets,
        seconds=settings.events_seconds,
        loopback=settings.environment is Environment.SIMULATOR,
    )


def _issuer(settings: Settings) -> Issuer | None:
    """Who says who people are, if that is set. A developer's may be on loopback, with the simulator only."""
    if settings.oidc_issuer is None:
        return None
    rules = Rules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        second_factors=settings.oidc_second_factor,
        leeway=settings.oidc_leeway_seconds,
        oldest=settings.oidc_age_seconds,
    )
    return Issuer(rules, over_http(loopback=settings.environment is Environment.SIMULATOR))


def shipper(tools: Tools) -> Shipper | None:
    """What takes this host's log lines to the archive, where there are both."""
    settings = tools.settings
    if tools.archive is None or settings.log_folder is None:
        return None
    vouch = signing.of(settings).vouch if settings.checkpoint_keys else None
    return Shipper(
        tools.archive, settings.log_folder, tools.machine_clock, keep_days=settings.log_folder_days, vouch=vouch
    )
