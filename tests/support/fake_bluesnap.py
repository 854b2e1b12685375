"""BlueSnap as our client shows it, in memory: what each call answers can be scripted, and every call is remembered.

It stands where the client stands in the tools, so nothing is patched. It never guesses: an unscripted call does what
BlueSnap does when all is well.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from service.bluesnap.payloads import Charge, NotificationConfig, Plan, Shopper, Subscription
from service.errors import NotFound
from tests.support.fake_refunds import FakeRefunds
from tests.support.fake_vault import FakeVault


@dataclass(frozen=True)
class Call:
    """One call as it was made."""

    name: str
    given: dict[str, Any]


@dataclass(frozen=True)
class Script:
    """How the next call of a kind goes.

    `meanwhile` runs before its effect and `afterwards` after it; with an error it has its effect only if it `happens`; `change`
    alters the answer.
    """

    error: BaseException | None = None
    happens: bool = False
    change: Callable[[Any], Any] | None = None
    meanwhile: Callable[[], object] | None = None
    afterwards: Callable[[], object] | None = None


@dataclass
class FakeBlueSnap(FakeVault, FakeRefunds):
    """`keeps_keys`: whether a repeated idempotency key is answered as before, or ignored."""

    keeps_keys: bool = True
    next_charge: date | None = date(2031, 4, 10)
    calls: list[Call] = field(default_factory=list)
    shoppers: dict[str, Shopper] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    notification_config: NotificationConfig = field(default_factory=lambda: NotificationConfig([], receipts=None))
    clock: datetime | None = None

    def __post_init__(self):
        self._numbers = itertools.count(7_100_001)
        self._scripts = defaultdict(deque)
        self._kept = {}
        self.charges = defaultdict(list)
        self.begin_refunds()
        self.set_up_vault()
        self._lock = threading.RLock()
        for plan_id, price in (("2340001", "29.00"), ("2340002", "49.00")):
            self.plans[plan_id] = Plan(
                plan_id=plan_id,
                status="ACTIVE",
                frequency="MONTHLY",
                currency="USD",
                amount=Decimal(price),
                trial_days=0,
                initial_amount=None,
                grace_days=60,
                charge_on_switch=False,
            )

    def script(self, call, error=None, *, times=1, **how):
        """Order how the next calls of one kind go, after those ordered before."""
        self._scripts[call].extend([Script(error, **how)] * times)

    def made(self, call):
        """What each call of one kind was given, in order."""
        return [one.given for one in self.calls if one.name == call]

    def create_payment_fields_token(self):
        return self._perform("create_payment_fields_token", {}, lambda: f"fields-token-{self._number()}_")

    def create_shopper(self, **given):
        def vault():
            shopper = Shopper(self._number(), given["merchant_shopper_id"])
            self.shoppers[given["merchant_shopper_id"]] = shopper
            self.store_typed(shopper.shopper_id)
            return shopper

        return self._perform("create_shopper", given, self._once(given, vault))

    def find_shopper(self, merchant_shopper_id):
        def find():
            if merchant_shopper_id not in self.shoppers:
                raise NotFound("not_found", status=403)
            return self.shoppers[merchant_shopper_id]

        return self._perform("find_shopper", {"merchant_shopper_id": merchant_shopper_id}, find)

    def delete_shopper(self, shopper_id):
        return self._perform("delete_shopper", {"shopper_id": shopper_id}, lambda: None)

    def create_subscription(self, **given):
        def subscribe():
            charge = Charge(self._number(), self._number(), given["amount"], "USD")
            made = Subscription(
                subscription_id=self._number(),
                plan_id=given["plan_id"],
                shopper_id=given["shopper_id"],
                status="ACTIVE",
                quantity=1,
                amount=given["amount"],
                currency="USD",
                auto_renew=True,
                next_charge_date=self.next_charge,
                charge=charge,
            )
            self.subscriptions.append(made)
            self.charges[made.subscription_id].append(charge)
            self.charged_card[made.subscription_id] = next(iter(self.cards_of(made.shopper_id)), None)
            return made

        return self._perform("create_subscription", given, self._once(given, subscribe))

    def get_subscription(self, subscription_id):
        def get():
            found = [one for one in self.subscriptions if one.subscription_id == subscription_id]
            if not found:
                raise NotFound("not_found", status=403)
            return replace(found[0], charge=None)

        return self._perform("get_subscription", {"subscription_id": subscription_id}, get)

    def update_subscription(self, subscription_id, *, cancel=False, card=None, **change):
        def update():
            if change.get("plan_id") is not None:
                self.change(
                    subscription_id, amount=self.plans[change["plan_id"]].amount
                )  # a switch forgets the override
            self.change(subscription_id, **change, **({"status": "CANCELED"} if cancel else {}))
            if card is not None:
                self.charged_card[subscription_id] = card

        given = change | ({"cancel": True} if cancel else {}) | ({"card": card} if card is not None else {})
        return self._perform("update_subscription", {"subscription_id": subscription_id, **given}, update)

    def preview_switch(self, subscription_id, new_plan_id, *, amount=None):
        given = {"subscription_id": subscription_id, "new_plan_id": new_plan_id, "amount": amount}
        return self._perform("preview_switch", given, lambda: Decimal(0))

    def list_subscriptions(self, shopper_id, plan_id=None):
        def list_all():
            return [replace(one, charge=None) for one in self.subscriptions if one.shopper_id == shopper_id]

        return self._perform("list_subscriptions", {"shopper_id": shopper_id, "plan_id": plan_id}, list_all)

    def iterate_subscriptions(self, status=None, after=None):
        def list_all():
            return iter([replace(one, charge=None) for one in self.subscriptions if status in {None, one.status}])

        return self._perform("iterate_subscriptions", {"status": status, "after": after}, list_all)

    def list_charges(self, subscription_id):
        def list_all():
            return [*self.charges[subscription_id]]

        return self._perform("list_charges", {"subscription_id": subscription_id}, list_all)

    def renew(self, subscription_id, day):
        """BlueSnap charges, and will do so again on that day."""
        made = self._found(subscription_id)
        self.charges[subscription_id].append(Charge(self._number(), self._number(), made.amount, "USD"))
        self.change(subscription_id, next_charge_date=day)

    def change(self, subscription_id, **values):
        """Something happened at BlueSnap that we did not ask for."""
        made = self._found(subscription_id)
        self.subscriptions[self.subscriptions.index(made)] = replace(made, **values)

    def _found(self, subscription_id):
        return next(one for one in self.subscriptions if one.subscription_id == subscription_id)

    def get_plan(self, plan_id):
        def get():
            if plan_id not in self.plans:
                raise NotFound("not_found", status=403)
            return self.plans[plan_id]

        return self._perform("get_plan", {"plan_id": plan_id}, get)

    def list_plans(self):
        return self._perform("list_plans", {}, lambda: [*self.plans.values()])

    def create_plan(self, **given):
        def make():
            made = self.new_plan(given["name"], given["amount"], given["currency"], given.get("grace_days", 60))
            self.plans[made.plan_id] = made
            return made

        return self._perform("create_plan", given, self._once(given, make))

    def new_plan(self, name, amount, currency="USD", grace_days=60):
        """A plan as ours are, which BlueSnap has not yet."""
        return replace(
            self.plans["2340001"],
            plan_id=self._number(),
            name=name,
            amount=amount,
            currency=currency,
            grace_days=grace_days,
        )

    def get_notification_config(self):
        return self._perform("get_notification_config", {}, lambda: self.notification_config)

    def get_clock(self):
        return self._perform("get_clock", {}, lambda: self.clock)

    def _perform(self, name, given, effect):
        with self._lock:
            self.calls.append(Call(name, given))
            script = self._scripts[name].popleft() if self._scripts[name] else Script()
        if script.meanwhile is not None:
            script.meanwhile()
        if script.error is not None and not script.happens:
            raise script.error
        with self._lock:
            answer = effect()
        if script.afterwards is not None:
            script.afterwards()
        if script.error is not None:
            raise script.error
        return script.change(answer) if script.change is not None else answer

    def _once(self, given, effect):
        """The effect, or what it was when this key was sent before."""

        def perform():
            key = given["idempotency_key"]
            if not self.keeps_keys:
                return effect()
            if key not in self._kept:
                self._kept[key] = effect()
            return self._kept[key]

        return perform

    def _number(self):
        return str(next(self._numbers))
