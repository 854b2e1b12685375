"""The plan page over a Panless that the test plays: what its backend is answered, and what it was asked."""

from __future__ import annotations

import json
import re

from in_process import serve
from playwright.sync_api import expect

from simulator import hosted_fields, tokens
from simulator import shop as demo_shop
from simulator.settings import ShopSettings

SHOP = "http://localhost:59109"
FIELDS = "http://localhost:59107"
PANLESS = "http://127.0.0.1:59105"
SCRIPT = f"{FIELDS}/web-sdk/5/bluesnap.js"
ACCOUNT = f"{PANLESS}/v1/accounts/[^/]+"


def usd(amount):
    return {"amount": amount, "currency": "USD"}


ACCESS = {"plan": "team", "members": 3, "until": "2031-02-01T08:00:00.000Z", "reason": "paid"}
FREE = {"plan": "community", "members": None, "until": None, "reason": "free"}
TEAM = {
    "id": "sub_b",
    "plan": "team",
    "members": 3,
    "status": "active",
    "renews": True,
    "total": usd("87.00"),
    "paid_until": "2031-02-01T08:00:00.000Z",
    "next_charge": {"date": "2031-02-01", "total": usd("87.00")},
    "next_plan": None,
    "applies_from": None,
    "pending_change": None,
    "version": 2,
}
CHARGE = {
    "id": "chg_b",
    "amount": usd("87.00"),
    "refunded": usd("0.00"),
    "refundable": usd("87.00"),
    "disputed": False,
    "kind": "initial",
    "charged_on": "2031-01-01",
    "recorded_at": "2031-01-01T08:00:00.000Z",
    "refunds": [],
}


class PlanStage:
    """`subscription` and `access` are what Panless answers from now on."""

    def __init__(self, page, context, backend, world):
        self.page, self.backend, self.world = page, backend, world
        self.access, self.subscription, self.charges, self.confirming = ACCESS, TEAM, [CHARGE], False
        self._on(
            "GET",
            "",
            lambda: (200, {"access": self.access, "subscription": self.subscription, "confirming": self.confirming}),
        )
        self._on("GET", "/charges.*", lambda: (200, {"charges": self.charges, "next": None}))
        self._on("GET", "/card", lambda: (200, {"brand": "VISA", "last_four": "9299"}))
        settings = ShopSettings(panless_url=PANLESS, api_key="key", script_url=SCRIPT, origin=SHOP)
        serve(context, SHOP, demo_shop.create_app(settings))
        serve(context, FIELDS, hosted_fields.create_app(world, script_origin=FIELDS))

    def _on(self, method, path, act):
        def answer(_request):
            status, body = act()
            return status, {}, json.dumps(body)

        self.backend.add_callback(method, re.compile(f"{ACCOUNT}{path}$"), answer, content_type="application/json")

    def on(self, method, path, *answers):
        """Panless' answers to one of the account's calls, one after the other; each is a status and a body."""
        left = list(answers)
        self._on(method, path, lambda: left.pop(0))

    def asked(self, method, ending):
        """The requests of that kind that reached Panless."""
        calls = [call.request for call in self.backend.calls]
        return [request for request in calls if request.method == method and request.url.endswith(ending)]

    def has(self, **changed):
        self.subscription = TEAM | changed

    def session(self, **more):
        hosted = {"token": tokens.create(self.world).text, "script_url": SCRIPT}
        opened = {"id": "cs_b", "client_secret": "pcs_b", "status": "open", "total": None, "hosted_fields": hosted}
        return opened | {"purpose": "replace_card", "three_d_secure": "when_asked"} | more

    def open(self):
        self.page.goto(f"{SHOP}/plan")
        expect(self.page.locator("#plan-page")).to_have_attribute("aria-busy", "false")
        return self.page

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def said(self):
        return self.page.locator("#said")

    @property
    def notice(self):
        return self.page.locator("#notice")

    @property
    def waiting(self):
        return self.page.locator("#waiting")

    def fact(self, name):
        return self.page.locator(f"[data-fact={name}]")
