"""A stack whose clock goes through the months after a purchase: changes of a subscription, BlueSnap's portal, its notices, a service that dies.

Like the stage, nothing here knows how the service is made.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import signal
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import requests
from journeys_calendar import PACIFIC, PATIENCE
from journeys_stage import ENVIRONMENT, WEBHOOKS, Stage, account_of, eventually, told

from dev.stack import Stack

FREE = {"plan": "community", "members": None, "until": None, "reason": "free"}
SCOPES = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write", "entries:read")


def usd(amount):
    """Money as the API writes it."""
    return {"amount": f"{amount}.00", "currency": "USD"}


def terms(subscription):
    """What the API says will be charged, and for what."""
    assert subscription["next_charge"]["total"] == subscription["total"]
    return subscription["plan"], subscription["members"], subscription["total"]["amount"]


@contextlib.contextmanager
def life_stage(data, **settings):
    """A stack of a file's own, whose clock nobody else moves."""
    environment = ENVIRONMENT | {"PANLESS_LOOK_SECONDS": "1"} | settings
    with Stack(data=data, throwaway=True, environment=environment) as stack:
        yield LifeStage(stack)


@dataclass(frozen=True)
class Known:
    """What BlueSnap calls a payer's subscription and shopper."""

    subscription: str
    shopper: str


class LifeStage(Stage):
    """A stage with the calls of a subscription's later life."""

    def __init__(self, stack):
        super().__init__(stack)
        self._known = {}

    @functools.cached_property
    def key(self):
        """An API key that may do everything."""
        return self.stack.command("keys", "create", "--name", "journeys", "--scope", *SCOPES).strip()

    # the platform

    def subscription(self, name):
        return self.account(name)["subscription"]

    def ask(self, method, name, path="", *, version=None, **more):
        """A call about an account's subscription; the raw answer."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        key = str(uuid.uuid4()) if method == "POST" else None
        url = f"/v1/accounts/{account_of(name)}/subscription{path}"
        return self.call(method, url, auth=self.stack.api_key, key=key, headers=headers, **more)

    def patch(self, name, *, version=None, **wish):
        """The platform wants another plan or other members; the raw answer."""
        return self.ask("PATCH", name, version=version, json=wish)

    def change(self, name, **wish):
        """The subscription after a change that BlueSnap confirmed."""
        answer = self.patch(name, **wish)
        assert answer.status_code == 200, told(answer)
        return answer.json()

    def cancel(self, name):
        """The subscription after a cancellation that BlueSnap confirmed."""
        answer = self.ask("POST", name, "/cancellation", json={})
        assert answer.status_code == 200, told(answer)
        return answer.json()

    def preview(self, name, **wish):
        answer = self.ask("GET", name, "/preview", params=wish)
        assert answer.status_code == 200, told(answer)
        return answer.json()

    def charges(self, name):
        """The account's charges, oldest first."""
        answer = self.call("GET", f"/v1/accounts/{account_of(name)}/charges", auth=self.stack.api_key)
        assert answer.status_code == 200, told(answer)
        assert answer.json()["next"] is None
        return answer.json()["charges"]

    def refund(self, charge, amount=None, **more):
        """The platform gives money back; the raw answer."""
        body = {"reason": "requested_by_customer", **more} | ({} if amount is None else {"amount": usd(amount)})
        return self.call("POST", f"/v1/charges/{charge}/refunds", auth=self.key, key=str(uuid.uuid4()), json=body)

    def entries(self):
        """The whole feed."""
        found, place = [], {}
        while True:
            page = self.call("GET", "/v1/entries", auth=self.key, params={"limit": 500, **place}).json()
            found += page["entries"]
            if not page["entries"]:
                return found
            place = {"after": page["next"]}

    # BlueSnap's clock and portal

    def now(self):
        return datetime.fromisoformat(self.lever("clock")["now"])

    def go_to(self, moment):
        """Let everything happen until then."""
        assert moment > self.now()
        self.lever("clock", {"set": moment.astimezone(UTC).isoformat()})

    def today(self):
        """The billing day."""
        return self.now().astimezone(PACIFIC).date()

    def meet(self, *names):
        """Learn what BlueSnap calls these payers, while it still remembers their purchase."""
        attempts = {
            one["body"]["merchantShopperId"]: one["body"]["firstName"] for one in self.received("create_shopper")
        }
        for entry in self.ledger():
            name = attempts.get(entry.get("merchant_shopper_id"))
            if entry["kind"] == "subscription" and name in names:
                self._known[name] = Known(entry["id"], entry["shopper_id"])

    def known(self, name):
        if name not in self._known:
            self.meet(name)
        return self._known[name]

    def charged(self, name):
        """The amounts that BlueSnap took for a payer's subscription, in order."""
        return [entry["amount"] for entry in self.taken(name)]

    def taken(self, name):
        """The charges of a payer's subscription in BlueSnap's ledger."""
        mine = self.known(name).subscription
        return [one for one in self.ledger() if one["kind"] == "charge" and one["subscription_id"] == mine]

    def standing(self, name):
        """What BlueSnap's ledger says of a payer's subscription after all changes."""
        mine, shown = self.known(name).subscription, {"auto_renew": True, "status": "ACTIVE"}
        for entry in self.ledger():
            if entry["id"] == mine and (entry["kind"] == "subscription" or entry.get("of") == "subscription"):
                shown |= entry
        return shown

    def card_is(self, name, outcome):
        """From now on a payer's card succeeds, or declines."""
        self.lever("card", {"subscription_id": self.known(name).subscription, "outcome": outcome})

    def bluesnap(self, method, path, body):
        """A call to BlueSnap that is not ours, as of a person in its portal."""
        settings = dict(line.split("=", 1) for line in self.settings() if line.startswith("PANLESS_BLUESNAP_"))
        user = settings["PANLESS_BLUESNAP_USER"], settings["PANLESS_BLUESNAP_PASSWORD"]
        url = f"{self.stack.simulator_url}/services/2{path}"
        answer = requests.request(method, url, json=body, auth=user, headers={"Accept": "application/json"}, timeout=10)
        assert answer.status_code == 200, answer.text

    def settings(self):
        return self.stack.settings_file.read_text(encoding="utf-8").splitlines()

    def read_at_bluesnap(self, name, since):
        """How often the service has read a payer's subscription after that request."""
        mine = self.known(name).subscription
        return sum(one["n"] > since and one["path"].endswith(f"/{mine}") for one in self.received("get_subscription"))

    # notices

    def notices_about(self, name):
        """BlueSnap's notices about a payer's subscription: type and body."""
        mine = {f"subscriptionId={self.known(name).subscription}"}
        return [one for one in self.lever("notices")["notices"] if mine & set(one["body"].split("&"))]

    def deliver(self, body, *, age=timedelta()):
        """A notice, rightly signed so long ago; the raw answer."""
        stamp = (self.now() - age).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
        signature = hmac.new(self._webhook_key.encode(), f"{stamp}{body}".encode(), hashlib.sha256).hexdigest()
        signed = {
            "Content-Type": "application/x-www-form-urlencoded",
            "bls-ipn-timestamp": stamp,
            "bls-signature": signature,
        }
        return self.call("POST", WEBHOOKS, headers=signed, data=body)

    @functools.cached_property
    def _webhook_key(self):
        [found] = [line for line in self.settings() if line.startswith("PANLESS_WEBHOOK_KEYS=")]
        return found.partition("=")[2].partition(",")[0]

    # what the service has still to do, and its sudden end

    def looked(self):
        """Wait until every look that was asked for is made; those that are made again and again go on."""
        self.quiet()
        with psycopg.connect(self.stack.database_url, autocommit=True) as connection:
            asked_for = "SELECT count(*) FROM subscriptions WHERE look_at IS NOT NULL AND looked = 0"
            eventually(lambda: connection.execute(asked_for).fetchone() == (0,), within=2 * PATIENCE)

    def settled(self, name):
        """The subscription once the outcome of its change is known."""
        return eventually(
            lambda: (found := self.subscription(name))["pending_change"] is None and found, within=PATIENCE
        )

    def kill_service(self):
        """End every process of the service at once, in the midst of whatever it does."""
        process = self.stack.children["service"]
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own
        process.wait(10)

    def start_service(self):
        self.stack.launch("service")
        eventually(lambda: self._answers("/readyz"))

    def _answers(self, path):
        try:
            return self.call("GET", path).status_code == 200
        except requests.ConnectionError:
            return False
