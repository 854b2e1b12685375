"""The service's tools as tests want them: a clock that stands still, settings as text, BlueSnap a fake."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from service import config, wiring
from service.archive import Archive
from service.billing import catalogue
from service.billing.tools import Tools
from service.store.keyring import Keyring

#: A Monday evening in UTC, Monday morning in the billing zone.
START = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
WEBHOOK_KEY = "webhook-key-of-the-tests"
OLD_WEBHOOK_KEY = "webhook-key-of-last-year"
SHOP_ORIGIN = "http://localhost:8070"
SECRET_KEY = "one:" + base64.b64encode(bytes(range(32))).decode()
EVENTS_SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()

SETTINGS = {
    "environment": "simulator",
    "bluesnap_url": "http://127.0.0.1:9",
    "bluesnap_user": "API_1000000001",
    "bluesnap_password": "bluesnap-password",
    "bluesnap_password_other": "bluesnap-other-word",
    "hosted_fields_url": "http://localhost:8091",
    "webhook_keys": f"{WEBHOOK_KEY},{OLD_WEBHOOK_KEY}",
    "secret_keys": SECRET_KEY,
    "erasure_keys": SECRET_KEY,
    "cors_origins": SHOP_ORIGIN,
    "events_secrets": EVENTS_SECRET,
    "security_contact": "mailto:security@billing.example,https://billing.example/report",
}
#: Secrets as they must be where money is. They open nothing.
REAL_SECRETS = {
    "bluesnap_password": "Gq4-nR8t-Wy3z",
    "bluesnap_password_other": "Kd8-bL2v-Qs6x",
    "webhook_keys": "Hf6-kM1s-Pv5b-Jc9d",
    "secret_keys": "real:" + base64.b64encode(hashlib.sha256(b"a key").digest()).decode(),
    "checkpoint_keys": "real:" + base64.b64encode(hashlib.sha256(b"a signing key").digest()).decode(),
    "erasure_keys": "real:" + base64.b64encode(hashlib.sha256(b"an erasure key").digest()).decode(),
    "events_secrets": "whsec_" + base64.b64encode(hashlib.sha256(b"a secret").digest()).decode(),
}
#: What differs where an account at BlueSnap is real; each with a database on another machine.
SANDBOX = {
    "environment": "sandbox",
    "database_url": "postgresql://panless:Vb7-hT2q-Zx9w@db.billing.example/panless?sslmode=verify-full",
    "bluesnap_url": "https://sandbox.bluesnap.com",
    "hosted_fields_url": "https://sandpay.bluesnap.com",
    **REAL_SECRETS,
}
PRODUCTION = {
    **SANDBOX,
    "environment": "production",
    "bluesnap_url": "https://ws.bluesnap.com",
    "hosted_fields_url": "https://pay.bluesnap.com",
    "trusted_hosts": "billing.example,127.0.0.1",
    "cors_origins": "https://signup.example",
    "archive_url": "/mnt/panless-archive",
}


class StillClock:
    """Business time, which moves only when told to."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, **span):
        self.now += timedelta(**span)


def environ_of(database_url="postgresql://nowhere/nothing", **settings):
    """Settings by their lower-case names as environment variables, with working values for the rest."""
    given = {"database_url": database_url, **SETTINGS, **settings}
    return {f"PANLESS_{name.upper()}": value for name, value in given.items() if value is not None}


def settings_of(**settings):
    return config.load(environ_of(**settings))


def tools_over(engine, bluesnap, clock, *, platform=None, machine_clock=None, issuer=None, **settings):
    """All tools of a process, over these. `platform` is who is told of events, `issuer` who says who people are; nobody by default."""
    parsed = settings_of(**settings)
    return Tools(
        settings=parsed,
        engine=engine,
        bluesnap=bluesnap,
        clock=clock,
        machine_clock=machine_clock or wiring.system_clock,
        catalogue=catalogue.read(parsed.plans_file, parsed.environment),
        keyring=Keyring(parsed.secret_keys),
        platform=platform,
        issuer=issuer,
        archive=Archive.open(parsed.archive_url) if parsed.archive_url else None,
    )
