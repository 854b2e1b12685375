"""Where money and people are, a start is refused for whatever would leave them open: all of it at once, in sentences, without a value."""

from __future__ import annotations

import base64
import hashlib

import pytest
from test_config_settings import refused

from service import config
from service.config import outside
from tests.support.tools import PRODUCTION, SANDBOX, SECRET_KEY, SETTINGS, environ_of

CANARY = "zqxcanary"
UNTOLD = "PANLESS_DATABASE_URL must say sslmode=verify-full: the database is on another machine, and must prove that it is itself"
GUESSED = "PANLESS_DATABASE_URL has a password that is short or well known"
NO_URL = "PANLESS_DATABASE_URL is not a URL"
GOOD = hashlib.sha256(b"good").digest()


def named(key, key_id="a"):
    return f"{key_id}:{base64.b64encode(key).decode()}"


def everything_wrong():
    """A start of production with the settings of a developer's machine."""
    return environ_of(**PRODUCTION | SETTINGS | {"environment": "production"}) | {
        "PANLESS_DATABASE_URL": "postgresql://panless:panless@db.example/panless",
        "PANLESS_WEBHOOK_KEYS": "simulator-webhook-key-0123456789",
        "PANLESS_SECRET_KEYS": SECRET_KEY,
        "PANLESS_PUBLIC_URL": "http://localhost:8080",
        "PANLESS_TRUSTED_HOSTS": "127.0.0.1,localhost",
        "PANLESS_TRUSTED_PROXIES": "10.0.0.0/8,0.0.0.0/0",
        "PANLESS_CLOCK": "simulator",
        "PANLESS_SECURITY_CONTACT": "",
        "PANLESS_CHECKPOINT_KEYS": "",
        "PANLESS_ARCHIVE_URL": "",
        "FLASK_DEBUG": "1",
        "GUNICORN_CMD_ARGS": "--access-logfile -",
    }


def test_all_that_is_wrong_in_production_is_told_at_once():
    assert refused(everything_wrong()).split("; ") == [
        "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment",
        "PANLESS_HOSTED_FIELDS_URL is not BlueSnap's script host for this environment",
        "FLASK_DEBUG is set: it is for a developer's machine, and can show what nobody may see",
        "GUNICORN_CMD_ARGS is set: it is for a developer's machine, and can show what nobody may see",
        "PANLESS_CLOCK must be system outside the simulator",
        UNTOLD,
        GUESSED,
        "PANLESS_BLUESNAP_PASSWORD is short or well known",
        "PANLESS_WEBHOOK_KEYS holds a key that is short or well known",
        "PANLESS_SECRET_KEYS holds a key that is not 32 random bytes",
        "PANLESS_ERASURE_KEYS holds a key that is not 32 random bytes",
        "PANLESS_EVENTS_SECRETS holds a key that is not random",
        "PANLESS_TRUSTED_HOSTS names nothing but this machine: callers ask for the public name",
        "PANLESS_TRUSTED_PROXIES holds all addresses: anybody could claim the address of another",
        "PANLESS_CORS_ORIGINS must use https in production",
        "PANLESS_PUBLIC_URL must use https in production",
        "PANLESS_CHECKPOINT_KEYS is empty: nobody could tell our journal from one that was made anew",
        "PANLESS_ARCHIVE_URL is not set: logs and checkpoints would be on this host alone",
        "PANLESS_SECURITY_CONTACT is not set: whoever finds a hole could tell nobody",
    ]


def test_settings_of_a_developers_machine_are_fine_with_the_simulator():
    environ = everything_wrong() | {"PANLESS_ENVIRONMENT": "simulator", "PANLESS_CLOCK": "system"}
    assert config.load(environ).environment == "simulator"


def test_what_only_production_needs_is_not_asked_of_the_sandbox():
    without = dict.fromkeys(("trusted_hosts", "security_contact", "checkpoint_keys", "erasure_keys", "archive_url"))
    without |= {"cors_origins": "http://localhost:8070"}
    assert config.load(environ_of(**SANDBOX | without | {"public_url": "http://localhost:8080"})).security_contact == ()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@db.example/p?sslmode=verify-full",
        "postgres://u:Vb7-hT2q-Zx9w@db.example/p?sslmode=verify-full&sslrootcert=system",
        "postgresql://u@/p?host=one.example:5432&host=two.example:5432&sslmode=verify-full",
        "postgresql:///p?sslmode=verify-full",
        "postgresql://u:x@127.0.0.1:5433/p",
        "postgresql://u:x@localhost/p?sslmode=disable",
        "postgresql://u@[::1]/p",
        "postgresql://u@/p?host=/var/run/postgresql",
        "postgresql://u@/p?host=/var/run/one&host=127.0.0.1:5432",
    ],
)
@pytest.mark.parametrize("real", [PRODUCTION, SANDBOX], ids=["production", "sandbox"])
def test_database_that_is_here_or_proves_itself_is_taken(real, url):
    assert config.load(environ_of(**real | {"database_url": url})).database_url == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u@db.example/p", UNTOLD),
        *((f"postgresql://u@db.example/p?sslmode={mode}", UNTOLD) for mode in ("disable", "prefer", "require", "verify-ca", "verify-full%20")),
        ("postgresql://u@db.example/p?sslmode=verify-full&sslmode=disable", UNTOLD),
        ("postgresql://u@127.0.0.1.evil.example/p", UNTOLD),
        ("postgresql://127.0.0.1:x@evil.example/p", f"{UNTOLD}; {GUESSED}"),
        ("postgresql://u@127.0.0.1/p?host=evil.example", UNTOLD),
        ("postgresql://u@localhost/p?hostaddr=192.0.2.1", UNTOLD),
        ("postgresql://u@/p?host=127.0.0.1,evil.example", UNTOLD),
        ("postgresql:///p", UNTOLD),
        (f"postgresql://u:{CANARY}@db.example/p?sslmode=verify-full", GUESSED),
        ("postgresql://u:Vb7hT2qZx9w@db.example/p?sslmode=verify-full", GUESSED),
        ("postgresql://Vb7-hT2q-Zx9w:Vb7-hT2q-Zx9w@db.example/p?sslmode=verify-full", GUESSED),
        (f"{CANARY}", NO_URL),
        (f"postgresql://u@h:{CANARY}/p", NO_URL),
    ],
)  # fmt: skip
def test_database_that_anybody_could_answer_for_is_refused(url, told):
    assert refused(environ_of(**PRODUCTION | {"database_url": url})) == told


PASSWORD = "PANLESS_BLUESNAP_PASSWORD is short or well known"
KEYS = "PANLESS_SECRET_KEYS holds a key that is not 32 random bytes"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bluesnap_password": "Gq4-nR8t-Wy"}, PASSWORD),
        ({"bluesnap_password": "simulator-password-1"}, PASSWORD),
        ({"bluesnap_password": "ababababababab"}, PASSWORD),
        ({"bluesnap_password": "MyPassword-4711"}, PASSWORD),
        ({"webhook_keys": "Hf6-kM1s-Pv5b-Jc9d,aaaaaaaaaaaaaaaaaaaaaaaa"}, "PANLESS_WEBHOOK_KEYS holds a key that is short or well known"),
        ({"webhook_keys": "Hf6-kM1s-Pv5b-Jc9d,Hf6-kM1s-Pv5b-Jc9d"}, "PANLESS_WEBHOOK_KEYS holds the same key twice"),
        ({"secret_keys": named(bytes(32))}, KEYS),
        ({"secret_keys": named(bytes(range(32)))}, KEYS),
        ({"secret_keys": named(b"Correct Horse Battery Staple 123")}, KEYS),
        ({"secret_keys": named(GOOD[:8] * 4)}, KEYS),
        ({"secret_keys": f"{named(GOOD)},{named(bytes(32), 'b')}"}, KEYS),
        ({"secret_keys": f"{named(GOOD)},{named(GOOD, 'b')}"}, "PANLESS_SECRET_KEYS holds the same key twice"),
    ],
)  # fmt: skip
def test_secret_that_can_be_guessed_is_refused_unnamed(wrong, told):
    for real in (PRODUCTION, SANDBOX):
        assert refused(environ_of(**real | wrong)) == told


@pytest.mark.parametrize("name", outside.REVEALING)
def test_switch_that_shows_too_much_is_refused(name):
    told = f"{name} is set: it is for a developer's machine, and can show what nobody may see"
    assert refused(environ_of(**PRODUCTION) | {name: CANARY}) == told
    assert config.load(environ_of(**PRODUCTION) | {name: "0"}).environment == "production"


def test_random_keys_are_never_taken_for_made_up_ones():
    keys = [hashlib.sha256(str(number).encode()).digest() for number in range(20_000)]
    assert not any(outside.is_made_up(key) for key in keys)
