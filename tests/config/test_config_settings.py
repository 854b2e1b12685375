"""Settings: each is read from its variable, its file or its alias; a wrong one stops the process by its name, and no value is ever repeated."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service import config
from service.config import REQUIRED, SETTINGS, Environment
from service.errors import SettingsError
from tests.support.tools import PRODUCTION, SANDBOX, environ_of

CANARY = "zqxcanary"
BY_NAME = {setting.name: setting for setting in SETTINGS}
FIELD_OF = {item.metadata["setting"].name: item.name for item in dataclasses.fields(config.Settings)}
KEY = base64.b64encode(b"k" * 32).decode()
LATER_KEY = base64.b64encode(b"o" * 32).decode()
LONG_KEY, SHORT_KEY = base64.b64encode(b"l" * 64).decode(), base64.b64encode(b"s" * 23).decode()


def numbers(low, high):
    return [(str(low), low), (str(high), high)], [
        "",
        str(low - 1),
        str(high + 1),
        "1.5",
        "-1",
        "\u0661",
        "\u00b2",
        "0x10",
        CANARY,
    ]


def origins(good):
    bad = [
        "ftp://a.example",
        f"http://{CANARY}.example",
        f"https://{CANARY}.example/path",
        f"https://a.example?{CANARY}",
    ]
    bad += [
        f"https://{CANARY}:x",
        f"https://{CANARY}@a.example",
        "https://",
        CANARY,
        "https://[::1",
        f"https://{CANARY}\u2100.example",
    ]
    return good, [*bad, f"https://[{CANARY}]", "https://a.example:99999", f"https://a.example#{CANARY}"]


CHECKPOINT_KEYS = (
    [(f"one:{KEY}", (("one", b"k" * 32),)), (f"b:{KEY},a:{KEY}", (("b", b"k" * 32), ("a", b"k" * 32)))],
    [CANARY, f":{KEY}", f"one:{CANARY}", f"One:{KEY}", f"\u00e4:{KEY}", f"one:{KEY[:-4]}"],
)
PARTS = ("WEB", "INTAKE", "SUPPORT", "AUDITOR", "WORKER")
#: Every setting: texts with the values that they mean, and texts that are refused.
CASES = {
    "PANLESS_ENVIRONMENT": ([("simulator", Environment.SIMULATOR)], [CANARY, "Simulator", "prod"]),
    "PANLESS_DATABASE_URL": ([("postgresql://u:p@h/db", "postgresql://u:p@h/db"), (" x ", "x")], [" ", "\t"]),
    **{f"PANLESS_DATABASE_URL_{part}": ([("postgresql://u:p@h/db", "postgresql://u:p@h/db")], [" "]) for part in PARTS},
    "PANLESS_SHARED_LOGINS": ([("panless", ("panless",)), ("a, b,", ("a", "b"))], []),
    "PANLESS_BLUESNAP_URL": origins([("http://127.0.0.1:8090", "http://127.0.0.1:8090"), ("http://localhost:1/", "http://localhost:1")]),
    "PANLESS_BLUESNAP_USER": ([("API_1", "API_1")], [" "]),
    "PANLESS_BLUESNAP_PASSWORD": ([("p", "p")], [" "]),
    "PANLESS_BLUESNAP_USER_OTHER": ([("API_2", "API_2")], [" ", f"{CANARY}:", "\u00e4"]),
    "PANLESS_BLUESNAP_PASSWORD_OTHER": ([("q", "q")], [" "]),
    "PANLESS_HOSTED_FIELDS_URL": origins([("https://pay.bluesnap.com", "https://pay.bluesnap.com")]),
    "PANLESS_WEBHOOK_KEYS": ([("a" * 16, ("a" * 16,)), ("a" * 16 + ", " + "b" * 16, ("a" * 16, "b" * 16))], [CANARY, "a" * 16 + ",b"]),
    "PANLESS_SECRET_KEYS": (
        [(f"one:{KEY}", (("one", b"k" * 32),)), (f"b:{KEY},a:{KEY}", (("b", b"k" * 32), ("a", b"k" * 32)))],
        [CANARY, f":{KEY}", f"one:{CANARY}", f"one:{KEY[:-4]}", f"one1:{KEY}", f"longerthaneight:{KEY}", "one:\u00e4", f"one:{KEY},two"],
    ),
    "PANLESS_CORS_ORIGINS": origins([("https://a.example", ("https://a.example",)), ("https://a.example, http://localhost:1,", ("https://a.example", "http://localhost:1"))]),
    "PANLESS_TRUSTED_HOSTS": ([("a.example,b.example", ("a.example", "b.example"))], []),
    "PANLESS_TRUSTED_PROXIES": (
        [("10.0.0.0/8,fd00::/8", (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")))],
        [CANARY, "10.0.0.1/8", "10.0.0.0/33", f"10.0.0.0/8,{CANARY}"],
    ),
    "PANLESS_CLOCK": ([("system", "system"), ("simulator", "simulator")], [CANARY, "System"]),
    "PANLESS_CLOCK_URL": ([("http://127.0.0.1:1/clock", "http://127.0.0.1:1/clock")], [" "]),
    "PANLESS_IDEMPOTENCY_PROVEN": ([("true", True), ("false", False)], ["yes", "True", "1", CANARY]),
    "PANLESS_BILLING_ZONE": ([("Europe/Berlin", zoneinfo.ZoneInfo("Europe/Berlin"))], [CANARY, "America", "../x", "a\x00b", "/etc/passwd"]),
    "PANLESS_NOTICE_WINDOW_SECONDS": numbers(1, 86_400),
    "PANLESS_NOTICE_ZONE": ([("UTC", zoneinfo.ZoneInfo("UTC"))], [CANARY, "America"]),
    "PANLESS_BIND": ([("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:1", ("[::1]", 1))], [CANARY, ":80", "h:", f"h:{CANARY}", "h:65536", "h:\u00b2", "h:\u0661"]),
    "PANLESS_METRICS_BIND": ([("127.0.0.1:8081", ("127.0.0.1", 8081))], [CANARY, "h:65536"]),
    "PANLESS_WORKERS": numbers(1, 64),
    "PANLESS_THREADS": numbers(1, 512),
    "PANLESS_RESERVED_THREADS": numbers(1, 511),
    "PANLESS_CONNECTIONS": numbers(16, 20_000),
    "PANLESS_PLANS_FILE": ([("/a/plans.toml", Path("/a/plans.toml"))], []),
    "PANLESS_MAX_MEMBERS": numbers(1, 100_000),
    "PANLESS_SESSION_MINUTES": numbers(1, 10_080),
    "PANLESS_FIELDS_MINUTES": numbers(1, 60),
    "PANLESS_CLIENT_SECRET_GRACE_SECONDS": numbers(0, 86_400),
    "PANLESS_ATTEMPTS_PER_SESSION": numbers(1, 100),
    "PANLESS_ATTEMPTS_PER_ACCOUNT": numbers(1, 1_000),
    "PANLESS_RENEWALS_PER_SESSION": numbers(1, 1_000),
    "PANLESS_SESSIONS_PER_ADDRESS": numbers(1, 1_000_000),
    "PANLESS_BREAKER_PERCENT": numbers(1, 100),
    "PANLESS_BREAKER_MINIMUM": numbers(1, 100_000),
    "PANLESS_QUIET_SECONDS": numbers(1, 3_600),
    "PANLESS_GRACE_DAYS": numbers(0, 365),
    "PANLESS_LOOK_SECONDS": numbers(1, 3_600),
    "PANLESS_DISPUTE_ACCESS": ([("period", "period"), ("full", "full"), ("none", "none")], [CANARY, "Period"]),
    "PANLESS_THREE_D_SECURE": ([("when_asked", "when_asked"), ("always", "always")], [CANARY, "true"]),
    "PANLESS_ARCHIVE_URL": (
        [("/a/archive", "/a/archive"), ("s3://logs.example/panless/", "s3://logs.example/panless"), ("gs://logs", "gs://logs")],
        [" ", f"http://{CANARY}.example", f"s3://{CANARY}@bucket", "s3://", f"s3://bucket/{CANARY}?a=b", f"memory://{CANARY}", f"s3://bucket/a::file://{CANARY}"],
    ),
    "PANLESS_LOG_FOLDER": ([("/a/log", Path("/a/log"))], []),
    "PANLESS_LOG_FOLDER_DAYS": numbers(1, 90),
    "PANLESS_LOG_ARCHIVE_DAYS": numbers(31, 3_660),
    "PANLESS_CHECKPOINT_KEYS": CHECKPOINT_KEYS,
    "PANLESS_CHECKPOINT_PUBLIC_KEYS": CHECKPOINT_KEYS,
    "PANLESS_ERASURE_KEYS": CHECKPOINT_KEYS,
    "PANLESS_EVENTS_URL": (
        [("https://a.example/b?c=d", "https://a.example/b?c=d"), (" HTTPS://a.example ", "https://a.example"), ("http://localhost:1/x", "http://localhost:1/x")],
        [CANARY, f"https://{CANARY}@a.example", f"https://a.example/#{CANARY}", f"http://{CANARY}.example", "https://", f"https://{CANARY}:x", f"https://a.example/{CANARY} b", f"https://{CANARY}_.example"],
    ),
    "PANLESS_EVENTS_SECRETS": (
        [(f"whsec_{KEY}", (b"k" * 32,)), (f"whsec_{KEY}, whsec_{LONG_KEY}", (b"k" * 32, b"l" * 64))],
        [CANARY, KEY, f"whsk_{KEY}", f"whsec_{CANARY}", f"whsec_{SHORT_KEY}", f"whsec_{LONG_KEY[:-2]}AAAA", f"whsec_{KEY},{CANARY}"],
    ),
    "PANLESS_EVENTS_SECONDS": numbers(1, 60),
    "PANLESS_OIDC_ISSUER": (
        [("https://a.example/staff", "https://a.example/staff"), ("http://localhost:1", "http://localhost:1")],
        [CANARY, f"https://{CANARY}@a.example", f"https://a.example/#{CANARY}", f"https://a.example/?{CANARY}", f"http://{CANARY}.example", "https://"],
    ),
    "PANLESS_OIDC_AUDIENCE": ([("panless", "panless")], [" "]),
    "PANLESS_OIDC_SECOND_FACTOR": ([("mfa", ("mfa",)), ("mfa, hwk,", ("mfa", "hwk"))], []),
    "PANLESS_OIDC_LEEWAY_SECONDS": numbers(0, 300),
    "PANLESS_OIDC_AGE_SECONDS": numbers(60, 86_400),
    "PANLESS_CANARY_URL": ([("https://pay.example.com", "https://pay.example.com")], [CANARY, "https://u:p@h", "https://h/path"]),
    "PANLESS_PUBLIC_URL": ([("https://pay.example.com", "https://pay.example.com")], [CANARY, "https://u:p@h", "https://h/path"]),
    "PANLESS_SECURITY_CONTACT": (
        [("mailto:security@a.example", ("mailto:security@a.example",)), ("https://a.example/report, mailto:a.b+c@d.example", ("https://a.example/report", "mailto:a.b+c@d.example"))],
        [CANARY, f"mailto:{CANARY}", f"mailto:@{CANARY}.example", f"mailto:a b@{CANARY}.example", f"mailto:a@{CANARY}_", f"mailto:a@{CANARY}\nX: y", f"http://localhost/{CANARY}", f"https://a@{CANARY}.example", f"tel:{CANARY}"],
    ),
    "PANLESS_SWEEP_HOURS": numbers(1, 24),
    "PANLESS_WORKER_METRICS_BIND": ([("127.0.0.1:8082", ("127.0.0.1", 8082))], [CANARY, "h:65536"]),
    "PANLESS_KEY_HOURS": numbers(24, 8_760),
    "PANLESS_GRANT_MINUTES": numbers(1, 240),
    "PANLESS_GRANT_MOST_MINUTES": numbers(1, 240),
    "PANLESS_BREAK_GLASS_MINUTES": numbers(1, 60),
    "PANLESS_LEASE_SECONDS": numbers(1, 3_600),
    "PANLESS_CONNECT_SECONDS": numbers(1, 60),
    "PANLESS_READ_SECONDS": numbers(1, 300),
    "PANLESS_TOTAL_SECONDS": numbers(1, 300),
    "PANLESS_CHARGE_READ_SECONDS": numbers(1, 300),
    "PANLESS_CHARGE_TOTAL_SECONDS": numbers(1, 300),
    "PANLESS_WAIT_SECONDS": numbers(1, 300),
    "PANLESS_REQUEST_SECONDS": numbers(1, 600),
    "PANLESS_WORKER_TIMEOUT_SECONDS": numbers(1, 3_600),
    "PANLESS_GRACEFUL_SECONDS": numbers(1, 3_600),
    "PANLESS_PROXY_SECONDS": numbers(1, 3_600),
    "PANLESS_MAX_BODY_BYTES": numbers(1_024, 1_048_576),
    "PANLESS_MAX_NOTICE_BYTES": numbers(1_024, 1_048_576),
}  # fmt: skip


def refused(environ):
    """What is told of these settings."""
    with pytest.raises(SettingsError) as told:
        config.load(environ)
    assert told.value.__cause__ is None
    return str(told.value)


def test_every_setting_has_its_cases_here():
    assert set(CASES) == set(BY_NAME)


@pytest.mark.parametrize(
    ("name", "text", "value"), [(name, *case) for name, (good, _) in CASES.items() for case in good]
)
def test_setting_means_what_its_text_says(name, text, value):
    loaded = config.load(environ_of() | {name: text})
    assert getattr(loaded, FIELD_OF[name]) == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (_, bad) in CASES.items() for text in bad if text])
def test_wrong_setting_is_told_by_name_and_never_repeated(name, text):
    told = refused(environ_of() | {name: text})
    assert told.startswith(name)
    assert CANARY not in told
    assert len(text) <= len("https://") or text.strip() not in told


@pytest.mark.parametrize("name", BY_NAME)
def test_no_text_makes_a_setting_crash_or_repeat_itself(name):
    odd = st.text(max_size=30).map(lambda text: text.replace("\x00", ""))

    @settings(max_examples=40, deadline=None, database=None, derandomize=True)
    @given(st.one_of(odd, odd.map(lambda text: "https://" + text), odd.map(lambda text: f"{text}:{text}")))
    @example("https://\u2100")
    @example("a/b/..")
    def try_out(text):
        text = CANARY + text if not text.startswith("https://") else f"https://{CANARY}{text[8:]}"
        told = ""
        try:
            config.load(environ_of() | {name: text})
        except SettingsError as error:
            told = str(error)
        assert told == "" or told.startswith(name)
        assert CANARY not in told

    try_out()


def test_all_problems_are_told_at_once():
    told = refused(environ_of() | {"PANLESS_WORKERS": CANARY, "PANLESS_CLOCK": CANARY, "PANLESS_BLUESNAP_USER": ""})
    assert told.split("; ") == [
        "PANLESS_BLUESNAP_USER is not set",
        "PANLESS_CLOCK is none of system, simulator",
        "PANLESS_WORKERS is not a whole number from 1 to 64",
    ]


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.default is REQUIRED])
def test_required_setting_that_is_missing_is_told(name):
    environ = {key: value for key, value in environ_of().items() if key != name}
    assert refused(environ) == f"{name} is not set"


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.default is not REQUIRED])
def test_setting_that_is_not_given_has_its_default(name):
    environ = {key: value for key, value in environ_of().items() if key != name}
    assert getattr(config.load(environ), FIELD_OF[name]) == BY_NAME[name].default


@pytest.mark.parametrize("name", BY_NAME)
def test_blank_setting_counts_as_not_given(name):
    environ = environ_of() | {name: ""}
    if BY_NAME[name].default is REQUIRED:
        assert refused(environ) == f"{name} is not set"
    else:
        assert getattr(config.load(environ), FIELD_OF[name]) == BY_NAME[name].default


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.secret], ids=lambda item: item.name)
def test_secret_is_read_from_its_file_too(tmp_path, setting):
    text, value = CASES[setting.name][0][0]
    file = tmp_path / "secret"
    file.write_text(f"{text}\n", encoding="utf-8")
    environ = {key: given for key, given in environ_of().items() if key != setting.name}
    loaded = config.load(environ | {f"{setting.name}_FILE": str(file)})
    assert getattr(loaded, FIELD_OF[setting.name]) == value


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.secret], ids=lambda item: item.name)
def test_secret_file_that_cannot_be_read_is_told_without_its_path(tmp_path, setting):
    environ = {key: given for key, given in environ_of().items() if key != setting.name}
    told = refused(environ | {f"{setting.name}_FILE": str(tmp_path / CANARY)})
    assert told == f"{setting.name} names a file that cannot be read"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert refused(environ | {f"{setting.name}_FILE": str(binary)}) == told


def test_variable_outweighs_its_file_and_its_alias(tmp_path):
    environ = environ_of("postgresql://one/db")
    others = {"PANLESS_DATABASE_URL_FILE": str(tmp_path / "none"), "DATABASE_URL": "postgresql://two/db"}
    assert config.load(environ | others).database_url == "postgresql://one/db"


def test_database_url_is_taken_from_its_alias():
    environ = environ_of(None) | {"DATABASE_URL": "postgresql://two/db"}
    assert config.load(environ).database_url == "postgresql://two/db"


def test_what_is_no_secret_is_not_read_from_a_file(tmp_path):
    file = tmp_path / "user"
    file.write_text("https://ws.bluesnap.com", encoding="utf-8")
    environ = environ_of(bluesnap_url=None) | {"PANLESS_BLUESNAP_URL_FILE": str(file)}
    assert refused(environ) == "PANLESS_BLUESNAP_URL is not set"


@pytest.mark.parametrize("right", [PRODUCTION, SANDBOX])
def test_real_environments_are_taken_with_their_own_hosts(right):
    assert config.load(environ_of(**right)).environment == right["environment"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            SANDBOX | {"lease_seconds": "70"},
            "PANLESS_LEASE_SECONDS must be above PANLESS_REQUEST_SECONDS: what is around must outlive what is within",
        ),
        (
            PRODUCTION | {"threads": "4"},
            "PANLESS_RESERVED_THREADS must be below PANLESS_THREADS: no thread would be left to speak with BlueSnap",
        ),
        (PRODUCTION | {"clock": "simulator"}, "PANLESS_CLOCK must be system outside the simulator"),
        (PRODUCTION | {"bluesnap_url": SANDBOX["bluesnap_url"]}, "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"),
        (PRODUCTION | {"bluesnap_url": f"https://{CANARY}.example"}, "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"),
        (PRODUCTION | {"bluesnap_url": "http://127.0.0.1:1"}, "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"),
        (PRODUCTION | {"bluesnap_url": "https://ws.bluesnap.com.evil.example"}, "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"),
        (PRODUCTION | {"hosted_fields_url": f"https://{CANARY}.example"}, "PANLESS_HOSTED_FIELDS_URL is not BlueSnap's script host for this environment"),
        (PRODUCTION | {"hosted_fields_url": "http://localhost:1"}, "PANLESS_HOSTED_FIELDS_URL is not BlueSnap's script host for this environment"),
        (SANDBOX | {"clock": "simulator"}, "PANLESS_CLOCK must be system outside the simulator"),
        (SANDBOX | {"bluesnap_url": PRODUCTION["bluesnap_url"]}, "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"),
        ({"bluesnap_url": "https://ws.bluesnap.com"}, "PANLESS_BLUESNAP_URL must be on loopback for the simulator"),
        (PRODUCTION | {"events_url": f"http://localhost/{CANARY}"}, "PANLESS_EVENTS_URL must use https outside the simulator"),
        (SANDBOX | {"events_url": f"http://127.0.0.1:1/{CANARY}"}, "PANLESS_EVENTS_URL must use https outside the simulator"),
        ({"events_url": f"https://{CANARY}.example", "events_secrets": None}, "PANLESS_EVENTS_SECRETS is empty: the platform could not tell our events from forged ones"),
        (PRODUCTION | {"oidc_issuer": f"http://localhost/{CANARY}"}, "PANLESS_OIDC_ISSUER must use https outside the simulator"),
        ({"bluesnap_user_other": CANARY, "bluesnap_password_other": None}, "PANLESS_BLUESNAP_USER_OTHER is set without PANLESS_BLUESNAP_PASSWORD_OTHER"),
        (SANDBOX | {"bluesnap_password_other": CANARY}, "PANLESS_BLUESNAP_PASSWORD_OTHER is short or well known"),
        ({"webhook_keys": ","}, "PANLESS_WEBHOOK_KEYS is empty: BlueSnap's notices could not be told from forged ones"),
        ({"secret_keys": ","}, "PANLESS_SECRET_KEYS is empty"),
        ({"secret_keys": f"a:{KEY},a:{LATER_KEY}"}, "PANLESS_SECRET_KEYS names two keys alike"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_refused(wrong, told):
    assert refused(environ_of(**wrong)) == told


def test_production_starts_with_no_database_url_never():
    assert refused(environ_of(**PRODUCTION | {"database_url": None})) == "PANLESS_DATABASE_URL is not set"


def test_local_stack_is_found_only_where_nothing_of_ours_is_set(tmp_path, monkeypatch):
    file = tmp_path / "panless.env"
    file.write_text("# a comment\nPANLESS_WORKERS=3\nPANLESS_SECRET_KEYS=a:b=c\n\n", encoding="utf-8")
    monkeypatch.setattr(config, "LOCAL_SETTINGS", file)
    assert config.local_environ({"HOME": "/h"}) == {
        "HOME": "/h",
        "PANLESS_WORKERS": "3",
        "PANLESS_SECRET_KEYS": "a:b=c",
    }
    assert config.local_environ({"PANLESS_CLOCK": "system"}) == {"PANLESS_CLOCK": "system"}
    file.unlink()
    assert config.local_environ({"HOME": "/h"}) == {"HOME": "/h"}


def test_secrets_are_marked_as_such():
    assert {setting.name for setting in SETTINGS if setting.secret} == {
        "PANLESS_DATABASE_URL",
        *(f"PANLESS_DATABASE_URL_{part}" for part in PARTS),
        "PANLESS_BLUESNAP_USER",
        "PANLESS_BLUESNAP_USER_OTHER",
        "PANLESS_BLUESNAP_PASSWORD",
        "PANLESS_BLUESNAP_PASSWORD_OTHER",
        "PANLESS_WEBHOOK_KEYS",
        "PANLESS_SECRET_KEYS",
        "PANLESS_CHECKPOINT_KEYS",
        "PANLESS_ERASURE_KEYS",
        "PANLESS_EVENTS_SECRETS",
    }


def test_every_setting_is_named_once_with_one_prefix_and_a_meaning():
    assert len(BY_NAME) == len(SETTINGS)
    assert all(name.startswith("PANLESS_") and name == name.upper() for name in BY_NAME)
    assert all(setting.meaning for setting in SETTINGS)
