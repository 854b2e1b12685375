"""The demo shop as a customer uses it, and the simulator's levers as a test does."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import uuid

import psycopg
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from simulator.cards import NAMED

YEAR = dt.datetime.now(dt.UTC).year + 3
FORM = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "country": "DE", "zip": "10115"}


class Shop:
    """One visitor, one browser context."""

    def __init__(self, page, url):
        self.page, self.url = page, url

    def choose(self, plan="Team", members=3):
        self.page.goto(self.url)
        self.page.get_by_label("Members", exact=True).fill(str(members))
        self.page.get_by_role("button", name=f"Choose {plan}").click()
        self.await_ready()

    def await_ready(self):
        self.page.get_by_role("button", name=re.compile(r"^Pay \$")).wait_for()

    def fill_form(self, **changed):
        for name, text in (FORM | changed).items():
            control = self.page.locator(f"[name={name}]:enabled")
            if name in {"country", "state"}:
                control.select_option(text)
            else:
                control.fill(text)

    def form(self):
        return {name: self.page.locator(f"[name={name}]:enabled").input_value() for name in FORM}

    def field(self, tag):
        return self.page.frame_locator(f"[data-bluesnap={tag}] iframe").get_by_role("textbox")

    def type_card(self, name="visa"):
        for tag, text in card(name).items():
            self.field(tag).press_sequentially(text)

    def paste_card(self, name="visa"):
        for tag, text in card(name).items():
            self.field(tag).fill(text)

    @property
    def pay_button(self):
        return self.page.locator("#pay")

    @property
    def notice(self):
        return self.page.locator("#notice")

    def await_welcome(self, plan="Team"):
        self.page.wait_for_url(f"{self.url}/welcome")
        self.page.get_by_role("heading", name=f"You have the {plan} plan").wait_for()

    def fact(self, name):
        return self.page.locator(f"[data-fact={name}]").inner_text()

    def challenge(self):
        return self.page.frame_locator("iframe[title='Card verification']")


class PlanPage(Shop):
    """The plan page of an account that has bought by the shop's calls, which is quicker than by its pages."""

    def buy(self, levers, plan="team", members=3, card_name="visa"):
        request = self.page.context.request
        self.page.goto(f"{self.url}/welcome")
        order = request.post(f"{self.url}/api/checkout", data={"plan": plan, "members": members}, headers=self._own)
        session = order.json()
        levers.fill(session["hosted_fields"]["token"], card_name)
        payer = {"first_name": "Ada", "last_name": "Lovelace", "country": "DE", "zip": "10115"}
        paid = request.post(
            f"{levers.service_url}/v1/checkout-sessions/{session['id']}/completion",
            data={"payer": payer},
            headers={"Authorization": f"Bearer {session['client_secret']}", "Idempotency-Key": str(uuid.uuid4())},
        )
        assert paid.status == 201, paid.text()
        self.open()
        return self

    @property
    def _own(self):
        return {"Origin": self.url}

    def open(self):
        self.page.goto(f"{self.url}/plan")
        expect(self.page.locator("#plan-page")).to_have_attribute("aria-busy", "false")

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def shows(self, name, text):
        expect(self.page.locator(f"[data-fact={name}]")).to_have_text(text)

    def previews(self, text):
        expect(self.page.locator("#preview")).to_contain_text(text)

    def says(self, text):
        expect(self.page.locator("#said")).to_contain_text(text)

    def has_card(self, text):
        expect(self.page.locator("#card-line")).to_have_text(text)

    def open_card_fields(self):
        self.press("Replace the card")
        self.await_card_fields()

    def await_card_fields(self):
        expect(self.page.get_by_role("button", name="Use this card")).to_have_attribute("aria-disabled", "false")


def card(name):
    """A published test card by its name in the simulator: what goes into each hosted field."""
    number, month = NAMED[name]
    return {"ccn": number, "exp": f"{month:02d}{YEAR % 100}", "cvv": "1234" if name == "amex" else "123"}


class Levers:
    """The simulator's controls (DESIGN section 10)."""

    def __init__(self, stack):
        self.url = f"{stack.simulator_url}/_levers"
        self.service_url = stack.service_url

    def advance(self, duration):
        self._send("clock", advance=duration)

    def fail(self, call, mode, **more):
        self._send("fail", call=call, mode=mode, **more)

    def fill(self, token, name="visa"):
        self._send("fill", token=token, card=name)

    def back_to_now(self):
        self._send("clock", set=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def _send(self, lever, **body):
        answer = requests.post(f"{self.url}/{lever}", json=body, timeout=10)
        answer.raise_for_status()

    def ledger(self):
        answer = requests.get(f"{self.url}/ledger", timeout=10)
        answer.raise_for_status()
        return answer.json()["entries"]


def digit_windows(number, size=8):
    """Every run of `size` digits of a number: what may not be found anywhere."""
    return [number[start : start + size] for start in range(len(number) - size + 1)]


def holding(texts, windows):
    """Those of the texts that hold a window, also one that is written in groups."""
    plain = ((text, re.sub(r"[ \-]", "", text)) for text in texts)
    return [text[:60] for (text, squeezed), window in itertools.product(plain, windows) if window in text + squeezed]


def kinds(entries, *wanted):
    return sorted(entry["kind"] for entry in entries if entry["kind"] in wanted)


def tab_to(page, wanted):
    """Presses Tab until the element with that id or text has the focus; every stop on the way must show it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        await_visible_focus(page)
        if page.evaluate("[document.activeElement.id, document.activeElement.textContent.trim()]").count(wanted):
            return
    pytest.fail(f"{wanted} cannot be reached with the Tab key")


def await_visible_focus(page):
    """An outline on the element itself, or on the box around a hosted field (which is told by a message)."""
    page.wait_for_function(
        """() => { const at = document.activeElement;
          const shown = at.tagName === "IFRAME" ? at.closest(".box") : at;
          return at !== document.body && getComputedStyle(shown).outlineStyle === "solid"; }"""
    )


def axe(page):
    """Serious and critical findings in the page and in each of its frames, one line each."""
    return [
        f"{frame.url}: {found['id']}: {[node['html'] for node in found['nodes']]}"
        for frame in page.frames
        for found in Axe().run(frame).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def overhang(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def spoken(request):
    return f"{request.method} {request.url} {request.all_headers()} {request.post_data or ''}"


def everything_in(database_url):
    """Every row of every table of ours, as text."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return [row for (table,) in tables for (row,) in connection.execute(f"SELECT line::text FROM {table} AS line")]
