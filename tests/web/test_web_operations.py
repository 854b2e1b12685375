"""What monitoring sees: alive, ready only with the database at our schema, and metrics on a port of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.app import create_app
from service.config import ROOT
from service.store import database
from tests.support.tools import tools_over
from tests.support.web import Web, problem

SECURITY = "/.well-known/security.txt"
METRICS_PORT = {"SERVER_PORT": "8081"}


@pytest.fixture
def own(new_database, bluesnap, clock, quiet_logs):
    """A client over a database of its own, and an engine to break it with."""
    engine = database.connect(new_database(), pool_size=2)
    yield create_app(tools_over(engine, bluesnap, clock)).test_client(), engine
    engine.dispose()


def test_ready_when_the_database_stands_at_our_schema(own):
    client, _ = own
    answer = client.get("/readyz")
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '0001'",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ],
)
def test_not_ready_while_the_schema_is_behind(own, change):
    client, engine = own
    with engine.begin() as connection:
        connection.exec_driver_sql(change)
    answer = client.get("/readyz")
    problem(answer, 503, "not_ready")
    assert answer.headers["Retry-After"] == "1"
    assert client.get("/healthz").status_code == 200


def test_ready_while_the_schema_is_ahead_of_old_code(own):
    client, engine = own
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_the_database_is_gone(own, databases):
    client, engine = own
    assert client.get("/readyz").status_code == 200
    databases.drop(engine.url.database)
    problem(client.get("/readyz"), 503, "not_ready")
    assert client.get("/healthz").status_code == 200


def test_not_ready_while_a_door_cannot_come_in_with_its_own_login(own):
    client, engine = own
    tools = client.application.extensions["panless"]
    nobody = engine.url.set(username="nobody_here").render_as_string(hide_password=False)
    others = {"intake": database.connect(nobody, pool_size=1)}
    client.application.extensions["panless"] = replace(tools, others=others)
    problem(client.get("/readyz"), 503, "not_ready")


def test_description_is_served_as_it_is_checked_in(web):
    answer = web.call("GET", "/openapi.yaml")
    assert answer.content_type == "application/yaml"
    assert answer.data == (ROOT / "openapi.yaml").read_bytes()


def test_security_file_names_whom_to_tell_and_for_how_long(make_tools, bluesnap):
    web = Web(make_tools(public_url="https://billing.example"), bluesnap)
    answer = web.call("GET", SECURITY)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.text.splitlines() == [
        "Contact: mailto:security@billing.example",
        "Contact: https://billing.example/report",
        "Expires: 2031-06-08T00:00:00Z",
        "Preferred-Languages: en",
        "Canonical: https://billing.example/.well-known/security.txt",
    ]


def test_security_file_is_true_whenever_it_is_read(web, clock):
    for days in (0, 100, 4_000):
        clock.advance(days=days)
        (ends,) = [line for line in web.call("GET", SECURITY).text.splitlines() if line.startswith("Expires: ")]
        left = datetime.fromisoformat(ends.removeprefix("Expires: ")) - clock()
        assert timedelta(days=80) < left < timedelta(days=365)


def test_security_file_without_a_public_address_claims_none(web):
    assert "Canonical" not in web.call("GET", SECURITY).text


def test_security_file_without_a_contact_is_not_there(make_tools, bluesnap):
    problem(Web(make_tools(security_contact=None), bluesnap).call("GET", SECURITY), 404, "not_found")


def test_metrics_are_read_on_their_own_port_only(web):
    answer = web.client.get("/metrics", environ_overrides=METRICS_PORT)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"panless_requests_total" in answer.data
    problem(web.call("GET", "/metrics"), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/openapi.yaml", SECURITY, "/v1/accounts/acct-a", "/webhooks/bluesnap", "/nothing"]
)
def test_metrics_port_serves_nothing_else(web, path):
    problem(
        web.client.get(path, environ_overrides=METRICS_PORT, headers={"Authorization": f"Bearer {web.key}"}),
        404,
        "not_found",
    )


def test_header_cannot_pretend_the_metrics_port(web):
    for headers in ({"Host": "localhost:8081"}, {"X-Forwarded-Port": "8081"}, {"Forwarded": "host=localhost:8081"}):
        problem(web.call("GET", "/metrics", headers=headers), 404, "not_found")


def test_labels_of_metrics_hold_nothing_that_was_sent(web):
    web.call("BREW", "/zqxcanary", headers={"Host": "localhost"})
    web.call("GET", "/v1/accounts/zqxcanary", auth=web.key)
    page = web.client.get("/metrics", environ_overrides=METRICS_PORT).text
    assert "zqxcanary" not in page
    assert "BREW" not in page
    assert 'panless_requests_total{door="none",method="OTHER",status="404"}' in page
