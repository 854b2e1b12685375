"""Every secret is changed as docs/operating.md says, step by step, while customers buy: nobody is refused, and the old one is good for nothing at the end."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import partial
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
import requests

from tests.faults.faults_judge import assert_holds
from tests.faults.faults_notices import deliver
from tests.faults.faults_rotation import Files, Load, Platform, notice, watched
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually, told

pytestmark = pytest.mark.faults

PATIENT = {
    "PANLESS_CONNECT_SECONDS": "10",
    "PANLESS_READ_SECONDS": "20",
    "PANLESS_TOTAL_SECONDS": "20",
    "PANLESS_CHARGE_READ_SECONDS": "20",
    "PANLESS_CHARGE_TOTAL_SECONDS": "20",
    "PANLESS_LEASE_SECONDS": "60",
    "PANLESS_WORKER_TIMEOUT_SECONDS": "40",
    "PANLESS_GRACEFUL_SECONDS": "40",
    "PANLESS_THREADS": "12",
}
holds = partial(assert_holds, sweep=False, deep=False, on=("I1", "I2", "I15"))


def random_of(word):
    """32 bytes that a word stands for: random to everybody but this test."""
    return hashlib.sha256(f"rotation {word}".encode()).digest()


def key_of(word):
    return f"{word}:{base64.b64encode(random_of(word)).decode()}"


def events_secret(word):
    return "whsec_" + base64.b64encode(random_of(word)).decode()


def joined(*parts):
    return ",".join(parts)


@pytest.fixture(scope="module")
def platform():
    with Platform() as listening:
        yield listening


@pytest.fixture(scope="module")
def stage(tmp_path_factory, platform):
    settings = PATIENT | {
        "PANLESS_EVENTS_URL": platform.url,
        "PANLESS_EVENTS_SECRETS": events_secret("a"),
        "PANLESS_SECRET_KEYS": key_of("a"),
    }
    folder = tmp_path_factory.mktemp("rotation")
    with FaultStage.start(folder, settings=settings, proxied=("bluesnap",), own_logins=False) as running:
        eventually(lambda: running.sql("SELECT one FROM event_cursor"), within=90)
        running.files = Files(running, folder / "secrets")
        yield running


@pytest.fixture
def load(stage):
    """Customers throughout the test; afterwards everything that they bought was sold once."""
    with watched(stage), Load(stage, stage.files.now["WEBHOOK_KEYS"]) as running:
        yield running
    assert running.failures == []
    holds(stage, buyers=running.buyers)


def test_secret_keys_change_under_load_without_a_failed_request(stage, load):
    files, buyer_key = stage.files, "11111111-2222-4333-8444-555555555555"
    before = stage.order("Before", key=buyer_key).json()
    body = notice()
    for keys in (joined(key_of("a"), key_of("b")), joined(key_of("b"), key_of("a"))):
        files.step(secret_keys=keys)
        load.goes_on()
        assert stage.order("Before", key=buyer_key).json() == before
        assert deliver(stage, body, key=load.webhook_key).status_code == 200
    assert stage.sql("SELECT key_id FROM notices ORDER BY id DESC LIMIT 1") == [("b",)]
    stage.fill(before)
    assert stage.complete(before, "Before").status_code == 201
    _needs_show(stage, "a")
    load.visited = stage.open("Visitor")
    files.step(secret_keys=key_of("b"))
    load.goes_on()
    gone = stage.call("GET", f"/v1/checkout-sessions/{before['id']}", auth=before["client_secret"])
    assert (gone.status_code, gone.json()["code"]) == (401, "client_secret_wrong")


def _needs_show(stage, old):
    """The list says which key is newest, and who still needs the old one; it shows none of them."""
    done = stage.command("secrets", "list", "--json")
    rows = {row["key"]: row for row in json.loads(done.stdout) if row["setting"] == "PANLESS_SECRET_KEYS"}
    assert (done.returncode, rows["b"]["newest"], rows[old]["newest"]) == (0, True, False)
    assert set(rows[old]["needed_by"]) == {"client_secrets", "payment_fields_tokens", "idempotency_keys", "notices"}
    for secret in stage.files.now.values():
        for part in filter(None, secret.split(",")):
            assert part.rpartition(":")[2] not in done.stdout


PAIRS = [{"user": f"API_100000000{number}", "password": f"made-up-word-{number}"} for number in range(4)]


def test_bluesnap_credentials_change_under_load_without_a_failed_request(stage, load):
    files = stage.files
    old = {"user": files.now["BLUESNAP_USER"], "password": files.now["BLUESNAP_PASSWORD"]}
    new = PAIRS[1]
    stage.lever("secrets", {"accept": [old, new]})
    files.step(bluesnap_user_other=new["user"], bluesnap_password_other=new["password"])
    load.goes_on()
    files.step(
        bluesnap_user=new["user"], bluesnap_password=new["password"],
        bluesnap_user_other=old["user"], bluesnap_password_other=old["password"],
    )  # fmt: skip
    load.goes_on()
    assert stage.metric("panless_bluesnap_credentials_refused_total") == 0
    stage.lever("secrets", {"accept": [new]})
    load.goes_on()
    files.step(bluesnap_user_other="", bluesnap_password_other="")
    load.goes_on()
    refused = requests.get(
        f"{stage.stack.simulator_url}/services/2/recurring/plans", auth=tuple(old.values()), timeout=30
    )
    assert refused.status_code == 401


def test_password_that_bluesnap_replaces_at_one_moment_fails_no_request(stage, load):
    files = stage.files
    user = files.now["BLUESNAP_USER"]
    files.step(bluesnap_password_other=PAIRS[2]["password"])
    stage.lever("secrets", {"accept": [{"user": user, "password": PAIRS[2]["password"]}]})
    load.goes_on()
    assert stage.metric("panless_bluesnap_credentials_refused_total", pair="first") > 0
    assert stage.metric("panless_bluesnap_credentials_refused_total", pair="other") == 0
    files.step(bluesnap_password=PAIRS[2]["password"], bluesnap_password_other="")
    load.goes_on()


def test_webhook_keys_change_under_load_without_a_refused_notice(stage, load):
    old, new = stage.files.now["WEBHOOK_KEYS"], "another-key-of-the-merchant"
    stage.files.step(webhook_keys=joined(new, old))
    load.goes_on()
    stage.lever("secrets", {"webhook_key": new})
    load.webhook_key = new
    load.goes_on()
    stage.quiet()
    stage.files.step(webhook_keys=new)
    load.goes_on()


def test_old_webhook_key_is_refused_at_the_end(stage):
    old = "simulator-webhook-key-0123456789"
    assert old not in stage.files.now["WEBHOOK_KEYS"]
    assert deliver(stage, notice(), key=old).status_code == 401


def test_events_secrets_change_while_the_platform_checks_every_event(stage, platform, load):
    platform.secret, platform.forged = random_of("a"), []
    heard = platform.told
    stage.files.step(events_secrets=joined(events_secret("b"), events_secret("a")))
    load.goes_on()
    platform.secret = random_of("b")
    load.goes_on()
    stage.files.step(events_secrets=events_secret("b"))
    load.goes_on()
    eventually(lambda: platform.told > heard + 10, within=60)
    assert platform.forged == []
    platform.secret = random_of("a")
    eventually(lambda: platform.forged, within=60)
    platform.secret = None


def test_api_keys_of_a_platform_change_without_a_failed_request(stage, load):
    scopes = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write")
    made = json.loads(stage.command("keys", "create", "--json", "--name", "second", "--scope", *scopes).stdout)
    old, stage.stack.api_key = stage.stack.api_key, made["key"]
    load.goes_on()
    (first,) = [one for one in json.loads(stage.command("keys", "list", "--json").stdout) if one["name"] == "demo-shop"]
    assert stage.command("keys", "revoke", first["id"]).returncode == 0
    load.goes_on()
    answer = stage.call("GET", "/v1/accounts/acct-a", auth=old)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked"), told(answer)


def test_logins_of_the_database_change_without_a_failed_request(stage, load):
    urls = {name: _login(stage, name) for name in ("panless_a", "panless_b")}
    for name, url in urls.items():
        stage.files.step(database_url=url)
        load.goes_on()
        eventually(lambda name=name: _logins(stage) == {name}, within=60)
    stage.sql("ALTER ROLE panless_a NOLOGIN")
    load.goes_on()
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(urls["panless_a"])


def _login(stage, name):
    """A login for all parts, as the document makes it; its URL."""
    parts = urlsplit(stage.direct_url)
    groups = ", ".join(f"panless_{part}" for part in ("web", "intake", "support", "auditor", "worker", "operator"))
    stage.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{name}-word' IN ROLE {groups}")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(name + '-word')}@{place}"))


def _logins(stage):
    return {row[0] for row in stage.sql("SELECT usename FROM pg_stat_activity WHERE application_name LIKE 'panless%%'")}


def test_wrong_secret_changes_nothing_in_a_running_service(stage):
    before, right = set(stage.workers()), stage.files.now["SECRET_KEYS"]
    stage.files.write("SECRET_KEYS", "no key at all")
    stage.kill(stage.stack.children["service"].pid, 1)
    eventually(lambda: any(line["event"] == "settings.refused" for line in stage.service_log()))
    eventually(lambda: len(new := set(stage.workers())) == 2 and not new & before, within=90)
    assert stage.order("Afterwards").status_code == 201
    assert stage.command("secrets", "list").stderr.startswith("panless: PANLESS_SECRET_KEYS needs ids")
    stage.files.write("SECRET_KEYS", right)
