"""What one source of a policy covers, and whether a policy is as strict as another."""

from __future__ import annotations

import pytest

from service.page import strictness
from service.page.sources import covers, lets_in, origin_of

PAGE = "https://shop.example"
COVERED = [
    ("https://pay.bluesnap.com", "https://pay.bluesnap.com"),
    ("https://pay.bluesnap.com", "HTTPS://Pay.BlueSnap.com:443"),
    ("https://pay.bluesnap.com", "https://pay.bluesnap.com/web-sdk/"),
    ("https://pay.bluesnap.com", "pay.bluesnap.com"),
    ("https://*.kount.net", "https://a.b.kount.net"),
    ("https://*.kount.net", "https://*.b.kount.net"),
    ("https:", "https://anything.example:8443"),
    ("http:", "https://x.example"),
    ("http://x.example", "https://x.example"),
    ("'self'", "https://shop.example"),
    ("https://shop.example", "'self'"),
    ("https:", "'self'"),
    ("'nonce-{nonce}'", "'nonce-YWJj'"),
    ("'nonce-{nonce}'", "'sha256-YWJj'"),
]
NOT_COVERED = [
    ("https://pay.bluesnap.com", "https://ws.bluesnap.com"),
    ("https://pay.bluesnap.com", "http://pay.bluesnap.com"),
    ("https://pay.bluesnap.com", "https://pay.bluesnap.com.evil.example"),
    ("https://pay.bluesnap.com", "https://evil-pay.bluesnap.com"),
    ("https://pay.bluesnap.com", "https://pay.bluesnap.com:8443"),
    ("https://pay.bluesnap.com", "https://pay.bluesnap.com:*"),
    ("https://pay.bluesnap.com", "https://*.bluesnap.com"),
    ("https://pay.bluesnap.com", "*"),
    ("https://pay.bluesnap.com", "https:"),
    ("https://pay.bluesnap.com", "'self'"),
    ("https://x.example/a/", "https://x.example"),
    ("https://x.example/a/", "https://x.example/b/"),
    ("https://*.kount.net", "https://kount.net"),
    ("https://*.kount.net", "https://xkount.net"),
    ("https:", "http:"),
    ("https:", "http://x.example"),
    ("https:", "data:"),
    ("https:", "*"),
    ("https:", "'unsafe-inline'"),
    ("'self'", "https://other.example"),
    ("'self'", "'unsafe-inline'"),
    ("'self'", "'strict-dynamic'"),
    ("'nonce-{nonce}'", "'self'"),
    ("'nonce-{nonce}'", "'unsafe-inline'"),
    ("'nonce-{nonce}'", "'unsafe-eval'"),
    ("'nonce-{nonce}'", "https://x.example"),
    ("https://x.example", "https://x.example,https://y.example"),
]
WANTED = {
    "default-src": ("'none'",),
    "script-src": ("'nonce-{nonce}'", "https://pay.bluesnap.com"),
    "img-src": ("'self'",),
    "form-action": ("'self'",),
    "object-src": ("'none'",),
    "report-uri": ("https://api.example/v1/page-reports",),
}
WHOLE = (
    "default-src 'none'; script-src 'nonce-YWJjZGVmZ2hpamtsbW5vcHFy' https://pay.bluesnap.com; img-src 'self'; form-action 'self'; "
    "object-src 'none'; report-uri https://api.example/v1/page-reports"
)


def verdicts(*policies):
    """What is neither equal nor narrower, by directive."""
    compared = strictness.compare(WANTED, [one for text in policies for one in strictness.parse(text)], page=PAGE)
    return {one.directive: one.wider or one.verdict.value for one in compared if one.verdict in {"wider", "missing"}}


@pytest.mark.parametrize(("allowed", "given"), COVERED)
def test_source_that_lets_in_no_more_is_covered(allowed, given):
    assert covers(allowed, given, page=PAGE)


@pytest.mark.parametrize(("allowed", "given"), NOT_COVERED)
def test_source_that_lets_in_more_is_not_covered(allowed, given):
    assert not covers(allowed, given, page=PAGE)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/x?y", "https://a.example"),
        ("HTTPS://A.example:443", "https://a.example"),
        ("http://a.example:8070/", "http://a.example:8070"),
        ("http://[::1]:80/", "http://[::1]"),
        ("//a.example", ""),
        ("data:text/plain,x", ""),
        ("https://[", ""),
        ("https://a.example:99999", ""),
        ("inline", ""),
    ],
)
def test_origin_is_that_of_browsers(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize("host", ["https:", "'self'", "'nonce-{nonce}'", "'none'"])
def test_source_that_names_nobody_lets_in_no_address_by_name(host):
    assert not lets_in(host, "https://x.example/")


def test_policy_of_the_table_itself_is_strict_enough():
    assert verdicts(WHOLE) == {}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "https://pay.bluesnap.com",
            "https://pay.bluesnap.com https://cdn.example",
            {"script-src": ("https://cdn.example",)},
        ),
        ("script-src ", "script-src 'unsafe-inline' ", {"script-src": ("'unsafe-inline'",)}),
        ("script-src ", "script-src 'strict-dynamic' ", {"script-src": ("'strict-dynamic'",)}),
        ("script-src ", "script-src-elem * ; script-src ", {"script-src-elem": ("*",)}),
        ("img-src 'self'", "img-src 'self'; font-src https://fonts.example", {"font-src": ("https://fonts.example",)}),
        ("img-src 'self'", "img-src 'self' data:", {"img-src": ("data:",)}),
        ("default-src 'none'; ", "", {"default-src": "missing"}),
        ("form-action 'self'; ", "", {"form-action": "missing"}),
        ("default-src 'none'", "default-src https:", {"default-src": ("https:",)}),
        ("; report-uri https://api.example/v1/page-reports", "", {"report-uri": "missing"}),
        ("report-uri https://api.example/v1/page-reports", "report-to elsewhere", {}),
        ("object-src 'none'; ", "", {}),
        ("img-src 'self'; ", "", {}),
        ("'self'", "'none'", {}),
        ("'self'", "'self' 'report-sample'", {}),
        ("object-src 'none'", "object-src 'none'; upgrade-insecure-requests; sandbox allow-scripts", {}),
    ],
)
def test_directive_that_lets_in_more_is_named(old, new, found):
    assert old in WHOLE
    assert verdicts(WHOLE.replace(old, new)) == found


def test_without_any_policy_everything_is_missing():
    assert set(verdicts()) == set(WANTED)


def test_of_two_policies_the_strictest_counts():
    assert verdicts(WHOLE, "default-src *; script-src *") == {}
    assert verdicts("script-src *", "script-src https://pay.bluesnap.com") | {"script-src": ""} == {
        name: "missing" for name in WANTED if name != "script-src"
    } | {"script-src": "", "img-src": "missing", "object-src": "missing"}


def test_policies_joined_by_a_comma_are_several():
    assert strictness.parse("default-src 'none', img-src a.example; IMG-SRC b.example;;") == [
        {"default-src": ["'none'"]},
        {"img-src": ["a.example"]},
    ]
