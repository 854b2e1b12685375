"""`page-check` and `page-policy` as an operator uses them: nothing found on the approved page, and every change and weakness named."""

from __future__ import annotations

import json

import pytest
from page_site import Answer, running_site

from service import cli
from service.page import fetching
from service.page.inventory import SCRIPT
from tests.support.tools import SANDBOX, environ_of

pytestmark = pytest.mark.long

FINE, FOUND, FAILED = 0, 1, 2


def work(_):
    """The worker is not what is tried here."""
    return FAILED


class Operator:
    """Runs commands over one site and one file of approvals."""

    def __init__(self, site, file, capsys):
        self.site, self.file, self._capsys = site, file, capsys

    def check(self, *more, url=None):
        given = ["page-check", url or self.site.url, "--approved", str(self.file), "--json", *more]
        return self.run(*given)

    def run(self, *arguments):
        """The exit status, what was printed (JSON as data), and what was complained about."""
        status = cli.main(work, list(arguments))
        shown = self._capsys.readouterr()
        return status, json.loads(shown.out) if "--json" in arguments and shown.out else shown.out, shown.err

    def approve(self, by="Mira", reason="first release"):
        return self.check("--approve", "--by", by, "--reason", reason)

    def found(self):
        """What is found, as pairs of word and subject without the site's origin."""
        status, data, _ = self.check()
        found = [(one["word"], one["subject"].removeprefix(self.site.origin)) for one in data["findings"]]
        assert status == (FOUND if found else FINE)
        return found


@pytest.fixture
def operator(site, tmp_path, capsys, monkeypatch):
    for name, value in environ_of(hosted_fields_url=site.origin).items():
        monkeypatch.setenv(name, value)
    return Operator(site, tmp_path / "approvals.json", capsys)


@pytest.fixture
def approved(operator):
    status, _, _ = operator.approve()
    assert status == FINE
    return operator


def test_page_that_nobody_approved_is_found(operator):
    assert operator.found() == [("not_approved", "/checkout")]
    assert not operator.file.exists()


def test_approved_page_is_fine_until_it_changes(approved):
    assert approved.found() == []
    status, text, _ = approved.run("page-check", approved.site.url, "--approved", str(approved.file))
    assert status == FINE
    assert text.startswith("nothing found in 3 scripts and ")
    assert "last approved by Mira at " in text
    assert text.endswith(": first release\n")


def test_file_says_who_when_why_headers_and_digests(approved):
    document = json.loads(approved.file.read_text())
    assert document["approved"]["by"] == "Mira"
    assert document["approved"]["reason"] == "first release"
    assert document["url"] == approved.site.url
    assert "'nonce-{nonce}'" in document["headers"]["content-security-policy"]["value"]
    assert {one["name"].removeprefix(approved.site.origin) for one in document["scripts"]} == {
        "/checkout.js",
        "/panless.js",
        SCRIPT,
    }
    for one in document["scripts"]:
        assert len(one["sha256"]) == 64
        assert one["sha384"].startswith("sha384-")
        assert one["approved"]["by"] == "Mira"


CHANGES = {
    "a script changes": (
        lambda site: site.answers.update({"/checkout.js": Answer("steal();")}),
        [("script_gone", "/panless.js"), ("script_changed", "/checkout.js")],
    ),
    "an imported script changes": (
        lambda site: site.answers.update({"/panless.js": Answer("steal();")}),
        [("script_changed", "/panless.js")],
    ),
    "BlueSnap's script changes": (
        lambda site: site.answers.update({SCRIPT: Answer("window.bluesnap = {new: 1};")}),
        [("script_changed", SCRIPT)],
    ),
    "a script of ours appears": (
        lambda site: (
            site.answers.update({"/new.js": Answer("new")}),
            site.body_with('<script nonce="{nonce}" src="/new.js"></script>'),
        ),
        [("script_appeared", "/new.js")],
    ),
    "an inline script appears": (
        lambda site: site.body_with('<script nonce="{nonce}">steal()</script>'),
        [("script_appeared", "script in the page")],
    ),
    "a handler appears": (
        lambda site: site.body_with('<p onclick="steal()">'),
        [("script_appeared", "onclick in the page")],
    ),
    "a header goes": (
        lambda site: site.page.headers.pop("Referrer-Policy"),
        [("header_gone", "referrer-policy"), ("header_missing", "referrer-policy")],
    ),
    "a header changes": (
        lambda site: site.page.headers.update({"Permissions-Policy": "camera=()"}),
        [("header_changed", "permissions-policy")],
    ),
    "a header appears": (
        lambda site: site.page.headers.update({"X-Frame-Options": "DENY"}),
        [("header_appeared", "x-frame-options")],
    ),
    "a script comes from elsewhere": (
        lambda site: site.body_with('<script src="https://cdn.example/tag.js"></script>'),
        [("script_outside", "https://cdn.example/tag.js")],
    ),
    "a script cannot be read": (
        lambda site: site.answers.update({SCRIPT: Answer(status=503)}),
        [("script_unread", SCRIPT)],
    ),
    "a frame comes from elsewhere": (
        lambda site: site.body_with('<iframe src="https://form.example/card"></iframe>'),
        [("frame_outside", "https://form.example/card")],
    ),
    "a frame brings its own text": (
        lambda site: site.body_with('<iframe srcdoc="<input>"></iframe>'),
        [("frame_outside", "srcdoc")],
    ),
    "a script is hidden": (
        lambda site: site.body_with("<!-- <script src=x></script> -->"),
        [("script_hidden", "page")],
    ),
    "an input asks for the card": (
        lambda site: site.body_with('<input name="cc" autocomplete="cc-number">'),
        [("card_input", '<input name="cc" autocomplete="cc-number">')],
    ),
    "a nonce comes again": (
        lambda site: setattr(site.page, "nonce", "A" * 24),
        [("nonce_weak", "content-security-policy")],
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_of_the_page_is_found(approved, what):
    change, found = CHANGES[what]
    change(approved.site)
    assert sorted(approved.found()) == sorted(found)


WEAKER = {
    "a host more": ("script-src ", "script-src https://cdn.example ", ("directive_wider", "script-src")),
    "inline scripts": ("script-src ", "script-src 'unsafe-inline' ", ("directive_wider", "script-src")),
    "pictures from anywhere": ("img-src 'self'", "img-src *", ("directive_wider", "img-src")),
    "no default": ("default-src 'none'; ", "", ("directive_missing", "default-src")),
    "framed by others": ("frame-ancestors 'none'", "frame-ancestors *", ("directive_wider", "frame-ancestors")),
    "no reports": ("; report-uri http://127.0.0.1:8080/v1/page-reports", "", ("directive_missing", "report-uri")),
}


@pytest.mark.parametrize("what", WEAKER)
def test_no_approval_covers_a_policy_that_is_wider(operator, what):
    old, new, found = WEAKER[what]
    operator.site.policy_with(old, new)
    status, data, _ = operator.approve()
    assert status == FOUND
    assert [(one["word"], one["subject"]) for one in data["findings"]] == [found]
    assert operator.found() == [found]


def test_page_without_any_policy_misses_every_directive(operator):
    del operator.site.page.headers["Content-Security-Policy"]
    missing = {subject for word, subject in operator.found() if word == "directive_missing"}
    assert {"default-src", "script-src", "frame-src", "frame-ancestors", "form-action", "report-uri"} <= missing


def test_weak_value_of_a_header_is_found(operator):
    operator.site.page.headers |= {"Referrer-Policy": "unsafe-url", "Cache-Control": "max-age=60"}
    operator.approve()
    assert operator.found() == [("header_weak", "cache-control"), ("header_weak", "referrer-policy")]


def test_later_approval_names_only_what_is_new(approved):
    approved.site.answers["/new.js"] = Answer("new")
    approved.site.body_with('<script nonce="{nonce}" src="/new.js"></script>')
    assert approved.approve("Ada", "the new button")[0] == FINE
    document = json.loads(approved.file.read_text())
    by = {one["name"].removeprefix(approved.site.origin): one["approved"]["by"] for one in document["scripts"]}
    assert by == {"/checkout.js": "Mira", "/panless.js": "Mira", SCRIPT: "Mira", "/new.js": "Ada"}
    assert document["approved"]["reason"] == "the new button"
    assert approved.found() == []


def test_script_that_was_not_read_cannot_be_approved(operator):
    del operator.site.answers["/panless.js"]
    status, out, err = operator.approve()
    assert (status, out) == (FAILED, "")
    assert "cannot be approved" in err
    assert not operator.file.exists()


@pytest.mark.parametrize("more", [[], ["--by", "Mira"], ["--reason", "x"], ["--by", " ", "--reason", "x"]])
def test_approval_needs_a_name_and_a_reason(operator, more):
    status, _, err = operator.check("--approve", *more)
    assert (status, operator.site.asked) == (FAILED, [])
    assert "--by and --reason" in err


def test_page_that_cannot_be_fetched_is_no_finding(operator):
    operator.site.page.status = 500
    status, out, err = operator.check()
    assert (status, out) == (FAILED, "")
    assert "status 500" in err
    assert operator.check(url="http://shop.example/")[0] == FAILED


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"form": 2}', '{"form": 1, "url": "x"}'])
def test_file_that_is_no_file_of_approvals_is_said(operator, text):
    operator.file.write_text(text)
    status, out, err = operator.check()
    assert (status, out) == (FAILED, "")
    assert str(operator.file) in err


def test_file_that_cannot_be_written_is_said(operator, tmp_path):
    operator.file = tmp_path / "no such folder" / "approvals.json"
    status, _, err = operator.approve()
    assert status == FAILED
    assert "cannot be written" in err


def test_approvals_of_another_page_do_not_count(approved):
    approved.site.answers["/other"] = approved.site.page
    _, data, _ = approved.check(url=f"{approved.site.origin}/other")
    assert [one["word"] for one in data["findings"]] == ["another_page"]


def test_check_follows_no_redirect_to_another_host(approved):
    with running_site() as other:
        approved.site.answers["/checkout"] = Answer(status=302, headers={"Location": other.url})
        status, _, err = approved.check()
        assert (status, other.asked) == (FAILED, [])
        assert "another host" in err


def test_authority_that_is_no_file_is_said(operator, tmp_path):
    status, _, err = operator.check("--ca", str(tmp_path / "none.pem"))
    assert status == FAILED
    assert "--ca" in err


def test_page_with_challenges_is_checked_by_its_own_profile(operator):
    operator.site.policy_with("form-action 'self'", "form-action 'self' https:")
    operator.approve()
    assert ("directive_wider", "form-action") in operator.found()
    _, data, _ = operator.check("--profile", "three-d-secure")
    assert [one["word"] for one in data["findings"] if one["word"].startswith("directive")] == []


def test_policy_is_printed_for_the_deployment_of_the_settings(operator):
    status, text, _ = operator.run("page-policy", "--api", "http://127.0.0.1:8080")
    assert status == FINE
    sent = operator.site.page.headers["Content-Security-Policy"]
    assert f"Content-Security-Policy: {sent}" in text.splitlines()
    assert "{nonce} is a placeholder" in text


def test_policy_needs_no_settings_with_environment_and_api(operator, monkeypatch):
    for name in environ_of():
        monkeypatch.delenv(name)
    monkeypatch.setattr("service.config.LOCAL_SETTINGS", operator.file)
    given = ("page-policy", "--environment", "production", "--api", "https://billing.example.com", "--json")
    status, data, _ = operator.run(*given)
    assert (status, data["environment"], data["profile"]) == (FINE, "production", "plain")
    assert "https://pay.bluesnap.com" in data["headers"]["Content-Security-Policy"]
    status, _, err = operator.run("page-policy")
    assert status == FAILED
    assert "is not set" in err


def test_inventory_lists_host_script_purpose_and_approval(operator):
    status, text, _ = operator.run("page-policy", "--inventory")
    assert status == FINE
    assert f"{operator.site.origin}{SCRIPT}" in text
    assert all(word in text for word in ("allowed in", "purpose", "to approve", "known"))


@pytest.mark.parametrize("form", ["nginx", "meta", "header"])
def test_each_form_says_what_three_d_secure_gives_up(operator, form):
    _, text, _ = operator.run("page-policy", "--profile", "three-d-secure", "--format", form)
    comments = [line for line in text.splitlines() if line.startswith(("# ", "<!-- "))]
    assert any("every https host" in line for line in comments)
    assert any("Given up" in line for line in comments)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--api", "http://billing.example.com"], "--api must use https"),
        (["--api", "https://a.example;script-src *"], "--api is not an address"),
        (["--report", "https://a.example/;x"], "--report holds"),
        (["--report", "nowhere"], "--report is not an address"),
        (["--environment", "production"], "--environment is another"),
        (["--format", "meta", "--report-only"], "only reports"),
    ],
)
def test_address_that_would_spoil_the_policy_is_refused(operator, arguments, why):
    status, out, err = operator.run("page-policy", *arguments)
    assert (status, out) == (FAILED, "")
    assert why in err


def test_outside_the_simulator_the_public_address_must_be_known(operator, monkeypatch):
    for name, value in environ_of(**SANDBOX).items():
        monkeypatch.setenv(name, value)
    status, _, err = operator.run("page-policy")
    assert status == FAILED
    assert "PANLESS_PUBLIC_URL" in err
    monkeypatch.setenv("PANLESS_PUBLIC_URL", "https://billing.example.com")
    status, text, _ = operator.run("page-policy")
    assert status == FINE
    assert 'Reporting-Endpoints: panless="https://billing.example.com/v1/page-reports"' in text


def test_check_has_its_own_limits_by_default():
    assert fetching.Fetcher()._left() <= 60
