"""The payment page's policy in a real browser: what ran is what the inventory lists, and what is not listed neither runs nor leaves a word."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import expect
from shop_pages import Levers, Shop

from dev import chromium
from service.config import Environment
from service.page import policy
from service.page.checking import Check
from service.page.fetching import Fetcher
from service.page.findings import Word
from service.page.inventory import Deployment, Profile, known_scripts
from service.page.snapshot import take

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack"), pytest.mark.long]

CANARY = "zqxskimmer"
CHECKOUT = "/checkout?plan=team&members=3"
POLICY = "content-security-policy"


class Witness:
    """What the main frame of a page asked for, ran and was stopped from, over all its documents."""

    def __init__(self, page):
        self.asked, self.ran, self._page, self._stopped = set(), set(), page, []
        page.on("request", lambda request: self._note(request, page))
        page.expose_binding("zqxStopped", lambda _source, what: self._stopped.append(tuple(what)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => zqxStopped([event.effectiveDirective, event.blockedURI]))"
        )
        debugger = page.context.new_cdp_session(page)
        main = debugger.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        debugger.on("Debugger.scriptParsed", lambda script: self._parsed(script, main))
        debugger.send("Debugger.enable")

    @property
    def stopped(self):
        """Directive and address of what the policy stopped so far. What the page told before it answers has arrived then."""
        self._page.evaluate("0")
        return self._stopped

    def _note(self, request, page):
        if request.resource_type == "script" and request.frame == page.main_frame:
            self.asked.add(request.url)

    def _parsed(self, script, main):
        # scripts without an address are the test driver's own; an inline one has the page's address, and would be seen
        if script["url"] and script["executionContextAuxData"].get("frameId") == main:
            self.ran.add(script["url"])


@pytest.fixture
def deployment(stack):
    return Deployment(Environment.SIMULATOR, stack.fields_url, stack.service_url)


@pytest.fixture
def stranger():
    """A server of another origin that would give its script to anybody: `asked` are the requests that came to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.end_headers()
            self.wfile.write(b"window.zqxRan = 1")

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield SimpleNamespace(url=f"http://localhost:{server.server_port}/zqxstranger.js", asked=asked)
        server.shutdown()
        thread.join()


@pytest.fixture
def inventory(stack, deployment):
    """The scripts of the pages of a checkout, as page-check finds them without a browser."""
    taken = [take(Fetcher(), stack.shop_url + path, deployment, Profile.PLAIN) for path in (CHECKOUT, "/welcome")]
    assert not any(one.outside or one.unread for one in taken)
    return {script.name for one in taken for script in one.scripts}


def scripts_of(page):
    """The addresses of the script elements; an inline one has none."""
    return set(page.evaluate("[...document.scripts].map((script) => script.src)"))


def begin(page, stack):
    shop = Shop(page, stack.shop_url)
    page.goto(stack.shop_url + CHECKOUT)
    shop.await_ready()
    shop.fill_form()
    return shop


def pay_with_challenge(shop):
    """The bank wants a check, which the second try runs."""
    shop.paste_card("three_d_secure")
    shop.pay_button.click()
    expect(shop.notice).to_contain_text("an extra check")
    shop.await_ready()
    shop.paste_card("three_d_secure")
    shop.pay_button.click()
    shop.challenge().get_by_role("button", name="Pass the check").click()
    shop.await_welcome()


def count(stack, directive, blocked):
    """The metric, over all workers of the service."""
    text = requests.get(stack.metrics_url, timeout=10).text
    found = re.search(
        rf'^panless_page_reports_total{{blocked="{blocked}",directive="{directive}"}} (\S+)$', text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def await_count(stack, directive, blocked, above):
    deadline = time.monotonic() + 15
    while count(stack, directive, blocked) <= above:
        assert time.monotonic() < deadline, f"no report of {directive} {blocked} came"
        time.sleep(0.05)


def with_policy(page, change):
    """The checkout page comes with another policy: `change` makes it out of the one that the shop sends. Answers the list of those that came."""
    came = []

    def answer(route):
        fetched = route.fetch()
        came.append(change(fetched.headers[POLICY]))
        route.fulfill(response=fetched, headers=fetched.headers | {POLICY: came[-1]})

    page.route(re.compile(r"/checkout\?plan="), answer)
    return came


@pytest.fixture
def changeable(browser, executable):
    """A page whose answers a test may change. Such an answer counts as coming from nowhere, and from there browsers let nothing load from
    loopback, where everything stands here: that check is off.
    """
    flags = [*chromium.ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"]
    own = browser.browser_type.launch(executable_path=str(executable), args=flags)
    page = own.new_page()
    page.set_default_timeout(15_000)
    yield page
    own.close()


def logs_of(stack):
    return "".join(
        path.read_text(encoding="utf-8", errors="replace") for path in stack.log_folder.rglob("*") if path.is_file()
    )


def test_scripts_of_a_whole_checkout_are_exactly_those_of_the_inventory(page, stack, deployment, inventory):
    witness = Witness(page)
    shop = begin(page, stack)
    elements = scripts_of(page)
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    assert set(known_scripts(deployment, Profile.PLAIN)) <= elements
    assert witness.asked == witness.ran == inventory
    assert elements | scripts_of(page) <= inventory
    assert witness.stopped == []


def test_challenge_of_three_d_secure_needs_nothing_beyond_the_inventory(page, stack, inventory):
    witness = Witness(page)
    pay_with_challenge(begin(page, stack))
    assert witness.asked == witness.ran == inventory
    assert witness.stopped == []


def test_profile_of_three_d_secure_carries_a_whole_checkout(changeable, stack, deployment, inventory):
    report = stack.service_url + policy.REPORTS

    def wider(sent):
        nonce = re.search(r"'nonce-([^']+)'", sent)[1]
        return policy.content_policy(deployment, Profile.THREE_D_SECURE, report, nonce=nonce)

    came = with_policy(changeable, wider)
    witness = Witness(changeable)
    pay_with_challenge(begin(changeable, stack))
    assert witness.asked == witness.ran == inventory
    assert len(came) == 1
    assert "frame-src http://localhost" in came[0]
    assert " https:" in came[0]
    assert witness.stopped == []


def test_foreign_and_inline_scripts_do_not_run_and_are_reported_without_a_word(changeable, stack, stranger):
    """The page asks browsers for samples here, which its own policy does not: they must be dropped even then."""
    told, page = [], changeable
    came = with_policy(page, lambda sent: sent.replace("script-src ", "script-src 'report-sample' "))
    page.on("request", lambda request: told.append(request.post_data) if policy.REPORTS in request.url else None)
    witness = Witness(page)
    begin(page, stack)
    before = {kind: count(stack, *kind) for kind in KINDS}
    page.evaluate(INJECT, [stranger.url, f"window.zqxRan = '{CANARY}'"])
    for kind, seen in before.items():
        await_count(stack, *kind, above=seen)
    assert page.evaluate("window.zqxRan") is None
    assert stranger.asked == []
    assert len(came) == 1
    assert set(witness.stopped) == {
        ("script-src-elem", stranger.url), ("script-src-elem", "inline"), ("script-src-attr", "inline"), ("script-src", "eval"),
        ("script-src-elem", "data"),
    }  # fmt: skip
    assert not any("zqx" in url for url in witness.ran)
    sent = "".join(told)
    assert CANARY in sent, "the browser must have told what is looked for"
    assert "zqxstranger" in sent
    written = logs_of(stack) + requests.get(stack.metrics_url, timeout=10).text
    assert policy.REPORTS in written
    assert [
        word for word in (CANARY, "zqxstranger") if word in written
    ] == []  # our ids are consonants, and may hold "zqx"


KINDS = [
    ("script-src-elem", "other"), ("script-src-elem", "inline"), ("script-src-attr", "inline"), ("script-src", "eval"),
    ("script-src-elem", "data"),
]  # fmt: skip
#: What an injected script would try: a file of its own, text in the page, a handler, text that becomes code, an address that is code.
INJECT = """([address, text]) => {
  const add = (made) => document.head.append(Object.assign(document.createElement("script"), made));
  add({ src: address });
  add({ textContent: text });
  add({ src: `data:text/javascript,${encodeURIComponent(text)}` });
  const button = document.createElement("button");
  button.setAttribute("onclick", text);
  button.click();
  setTimeout(text);
}"""


def test_script_with_the_nonce_of_another_answer_does_not_run(context, stack):
    page = context.new_page()
    page.goto(stack.shop_url + CHECKOUT)
    old = page.evaluate("document.querySelector('script[nonce]').nonce")
    page.reload()
    Shop(page, stack.shop_url).await_ready()
    before = count(stack, "script-src-elem", "inline")
    page.evaluate(
        """(nonce) => document.head.append(Object.assign(document.createElement("script"), { nonce, textContent: "window.zqxRan = 1" }))""",
        old,
    )
    await_count(stack, "script-src-elem", "inline", above=before)
    assert page.evaluate("window.zqxRan") is None


def test_page_cannot_send_or_frame_what_the_plain_profile_closes(context, stack, stranger):
    page = context.new_page()
    witness = Witness(page)
    begin(page, stack)
    before = {name: count(stack, name, "other") for name in ("frame-src", "connect-src", "img-src", "form-action")}
    page.evaluate(
        """(url) => {
          fetch(url).catch(() => {});
          new Image().src = url;
          document.body.append(Object.assign(document.createElement("iframe"), { src: url }));
          const form = Object.assign(document.createElement("form"), { action: url, method: "post" });
          document.body.append(form);
          form.submit();
        }""",
        stranger.url,
    )
    for name, seen in before.items():
        await_count(stack, name, "other", above=seen)
    assert {directive for directive, _ in witness.stopped} == set(before)
    assert stranger.asked == []


def test_demo_shop_passes_the_check_but_for_its_missing_approval(stack, deployment):
    taken = take(Fetcher(), stack.shop_url + CHECKOUT, deployment, Profile.PLAIN)
    check = Check(taken, deployment, Profile.PLAIN, stack.service_url + policy.REPORTS)
    assert [one.word for one in check.findings(None)] == [Word.NOT_APPROVED]


@pytest.fixture(autouse=True)
def back_to_now(stack):
    yield
    Levers(stack).back_to_now()
