"""The demo shop as a customer uses it, and the simulator's levers as a test does."""

from __future__ import annotations

import datetime as dt
import itertools
import re

import psycopg
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

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


def card(name):
    """A published test card by its name in the simulator: what goes into each hosted field."""
    number, month = NAMED[name]
    return {"ccn": number, "exp": f"{month:02d}{YEAR % 100}", "cvv": "1234" if name == "amex" else "123"}


class Levers:
    """The simulator's controls (DESIGN section 10)."""

    def __init__(self, stack):
        self.url = f"{stack.simulator_url}/_levers"

    def advance(self, duration):
        self._send("clock", advance=duration)

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
