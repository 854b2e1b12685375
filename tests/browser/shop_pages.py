"""The demo shop as a customer uses it, and the simulator's levers as a test does."""

from __future__ import annotations

import datetime as dt
import itertools
import re

import requests

from simulator.cards import NAMED

YEAR = dt.datetime.now(dt.UTC).year + 3
FORM = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "country": "DE", "zip": "10115"}


class Shop:
    """One visitor, one browser context."""

    def __init__(self, page, stack):
        self.page, self.url = page, stack.shop_url

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
        number, month = NAMED[name]
        code = "1234" if name == "amex" else "123"
        for tag, text in (("ccn", number), ("exp", f"{month:02d}{YEAR % 100}"), ("cvv", code)):
            self.field(tag).press_sequentially(text)

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
