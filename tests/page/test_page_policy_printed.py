"""The headers of the payment page: what the table makes of each deployment, and what no deployment may ever be given."""

from __future__ import annotations

import itertools
import re

import pytest

from service.config import Environment
from service.config.outside import SCRIPT_HOSTS
from service.page import policy
from service.page.inventory import (
    SCRIPT,
    TABLE,
    USUAL_FIELDS,
    Approval,
    Deployment,
    Profile,
    described,
    known_scripts,
)
from service.page.strictness import parse
from service.web import views
from simulator.settings import ShopSettings
from simulator.shop.app import content_policy

API = "https://billing.example.com"
REPORT = API + policy.REPORTS
EVERY = list(itertools.product(Environment, Profile))


def deployed(environment):
    return Deployment(environment, USUAL_FIELDS[environment], API)


def directives(environment, profile=Profile.PLAIN):
    return policy.directives(deployed(environment), profile, REPORT)


def test_plain_policy_of_production_is_this():
    assert policy.content_policy(deployed(Environment.PRODUCTION), Profile.PLAIN, REPORT) == (
        "default-src 'none'; script-src 'nonce-{nonce}' https://pay.bluesnap.com; style-src 'nonce-{nonce}'; "
        "img-src 'self' https://ws.bluesnap.com https://*.kaptcha.com https://*.kount.net; "
        "connect-src 'self' https://billing.example.com https://pay.bluesnap.com https://ws.bluesnap.com "
        "https://ws1.bluesnap.com https://ws2.bluesnap.com; "
        "frame-src https://pay.bluesnap.com https://ws.bluesnap.com https://*.kaptcha.com https://*.kount.net; "
        "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
        "report-uri https://billing.example.com/v1/page-reports; report-to panless"
    )


@pytest.mark.parametrize(("environment", "profile"), EVERY)
def test_no_policy_lets_in_scripts_beyond_nonce_and_hosts(environment, profile):
    found = directives(environment, profile)
    assert found["default-src"] == found["base-uri"] == found["object-src"] == found["frame-ancestors"] == ("'none'",)
    first, *hosts = found["script-src"]
    assert first == "'nonce-{nonce}'"
    assert all(re.fullmatch(r"https?://(\*\.)?[a-z]+(\.[a-z]+)*(:\d+)?", host) for host in hosts)
    said = " ".join(itertools.chain(*found.values()))
    assert re.findall(r"unsafe-\w+|strict-dynamic|data:|blob:|(?<!\S)\*", said) == []
    assert policy.content_policy(deployed(environment), profile, REPORT) == "; ".join(
        f"{name} {' '.join(sources)}" for name, sources in found.items()
    )


@pytest.mark.parametrize("environment", Environment)
def test_profile_of_three_d_secure_is_wider_only_where_it_says_so(environment):
    plain, wide = directives(environment), directives(environment, Profile.THREE_D_SECURE)
    differing = {name for name in wide if wide[name] != plain[name]}
    assert {"frame-src", "form-action"} <= differing <= {"frame-src", "form-action", "script-src", "connect-src"}
    assert "https:" in wide["frame-src"]
    assert "https:" not in plain["frame-src"] + plain["form-action"] + wide["script-src"] + wide["connect-src"]
    said = " ".join(policy.GIVES_UP[Profile.THREE_D_SECURE])
    assert all(word in said for word in ("frame-src", "form-action", "Cardinal", "Given up"))
    assert policy.GIVES_UP[Profile.PLAIN] == ()


@pytest.mark.parametrize(("environment", "profile"), EVERY)
def test_policy_says_nothing_that_the_table_does_not(environment, profile):
    listed = {
        (row["host"], name) for row in described(deployed(environment), profile) for name in row["directives"].split()
    }
    said = {
        (source, name)
        for name, sources in directives(environment, profile).items()
        for source in sources
        if source not in {"'none'", REPORT, policy.GROUP}
    }
    assert said == listed


def test_every_line_of_the_table_says_why_and_what_to_approve():
    assert len({row.name for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert len(row.purpose.split()) > 4, row.name
        assert row.directives, row.name
        runs = "script-src" in row.directives
        assert runs == (row.approval in {Approval.EACH_FILE, Approval.HOST_AND_FILE}), row.name


@pytest.mark.parametrize("environment", [Environment.SANDBOX, Environment.PRODUCTION])
def test_script_of_the_inventory_is_the_one_that_sessions_name(environment):
    assert SCRIPT == views.SCRIPT
    assert known_scripts(deployed(environment), Profile.PLAIN) == [USUAL_FIELDS[environment] + SCRIPT]
    assert USUAL_FIELDS[environment].removeprefix("https://") in SCRIPT_HOSTS[environment]


def test_demo_shop_sends_exactly_the_policy_of_the_table():
    shop = ShopSettings(
        panless_url="http://127.0.0.1:8080",
        api_key="key",
        script_url="http://localhost:8091/web-sdk/5/bluesnap.js",
        origin="http://localhost:8070",
    )
    deployment = Deployment(Environment.SIMULATOR, "http://localhost:8091", "http://127.0.0.1:8080")
    report = "http://127.0.0.1:8080/v1/page-reports"
    assert content_policy(shop, "abc") == policy.content_policy(deployment, Profile.PLAIN, report, nonce="abc")


def test_reports_are_named_by_both_headers_over_https():
    found = policy.headers(deployed(Environment.PRODUCTION), Profile.PLAIN, REPORT)
    assert found["Reporting-Endpoints"] == f'panless="{REPORT}"'
    assert parse(found["Content-Security-Policy"])[0]["report-to"] == ["panless"]


def test_name_for_reports_is_left_out_without_https():
    """Browsers take such a name from https alone, and one that they do not know keeps them from reporting at all."""
    found = policy.headers(deployed(Environment.SIMULATOR), Profile.PLAIN, "http://127.0.0.1:8080/v1/page-reports")
    assert "Reporting-Endpoints" not in found
    assert "report-to" not in found["Content-Security-Policy"]


def test_page_is_told_to_use_tls_everywhere_but_at_the_simulator():
    names = {environment: policy.headers(deployed(environment), Profile.PLAIN, REPORT) for environment in Environment}
    having = {environment for environment, found in names.items() if "Strict-Transport-Security" in found}
    assert having == {Environment.SANDBOX, Environment.PRODUCTION}


def test_policy_for_trying_out_has_the_name_that_stops_nothing():
    found = policy.headers(deployed(Environment.SANDBOX), Profile.PLAIN, REPORT, tried=True)
    assert "Content-Security-Policy" not in found
    assert "script-src" in found["Content-Security-Policy-Report-Only"]


def test_element_for_the_head_leaves_out_what_has_no_effect_there():
    element = policy.as_meta(policy.headers(deployed(Environment.PRODUCTION), Profile.PLAIN, REPORT))
    content = re.fullmatch(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', element)[1]
    whole = directives(Environment.PRODUCTION)
    assert parse(content)[0].keys() == whole.keys() - {"frame-ancestors", "report-uri", "report-to"}


def test_lines_for_nginx_quote_every_value_and_take_the_nonce_from_upstream():
    found = policy.headers(deployed(Environment.PRODUCTION), Profile.PLAIN, REPORT)
    *lines, hide = policy.as_nginx(found).splitlines()
    shown = dict(re.fullmatch(r'add_header (\S+) "((?:[^"\\]|\\.)*)" always;', line).groups() for line in lines)
    assert shown["Reporting-Endpoints"] == f'panless=\\"{REPORT}\\"'
    assert shown["Content-Security-Policy"].count("'nonce-$upstream_http_x_page_nonce'") == 2
    assert shown.keys() == found.keys()
    assert hide == "proxy_hide_header X-Page-Nonce;"
