"""The plans that are for sale, read from plans.toml. An entry never changes; a new price is a new version of the plan."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from service.cardguard import formats
from service.errors import Code, FieldError, Refusal, SettingsError

#: Decimals of the currencies that we sell in (ISO 4217). BlueSnap refuses more (bluesnap/api.md section 6).
EXPONENTS = {"USD": 2, "EUR": 2, "GBP": 2, "CAD": 2, "AUD": 2, "JPY": 0}
FREE = "community"
MOST_VERSIONS = 9_999


@dataclass(frozen=True)
class Money:
    """An amount in the currency's own decimals."""

    amount: Decimal
    currency: str

    @property
    def text(self) -> str:
        """The amount with exactly the currency's decimals, such as `290.00`."""
        return format(self.amount.quantize(Decimal(1).scaleb(-EXPONENTS[self.currency])), "f")


@dataclass(frozen=True)
class Terms:
    """What is sold: so many members of one version of a plan, and what a month of it costs."""

    plan: str
    plan_version: int
    members: int
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Plan:
    """One version of a plan. `provider_plan` is BlueSnap's plan in this deployment's environment; empty: not for sale here."""

    id: str
    version: int
    price: Decimal
    currency: str
    provider_plan: str

    def total(self, members: int) -> Money:
        """What a month costs for so many members."""
        return Money(self.price * members, self.currency)

    def terms(self, members: int) -> Terms:
        """This version, sold for so many members."""
        return Terms(self.id, self.version, members, self.price * members, self.currency)


class Catalogue:
    """All versions of all plans."""

    def __init__(self, plans: list[Plan]) -> None:
        self._versions: Mapping[tuple[str, int], Plan] = {(plan.id, plan.version): plan for plan in plans}
        self._newest: dict[str, Plan] = {}
        for plan in sorted(plans, key=lambda plan: plan.version):
            self._newest[plan.id] = plan

    def for_sale(self, plan_id: str) -> Plan:
        """The newest version of a paid plan. Raises Refusal: plan_unknown."""
        plan = self._newest.get(plan_id)
        if plan is None or not plan.provider_plan:
            raise Refusal(Code.PLAN_UNKNOWN, errors=(FieldError("/plan", Code.PLAN_UNKNOWN),))
        return plan

    def version(self, plan_id: str, version: int) -> Plan:
        """The very version that something was sold under."""
        return self._versions[plan_id, version]

    def find(self, provider_plan: str) -> list[Plan]:
        """Every version that is sold as this plan at BlueSnap, the newest first."""
        found = [plan for plan in self._versions.values() if plan.provider_plan and plan.provider_plan == provider_plan]
        return sorted(found, key=lambda plan: plan.version, reverse=True)

    @property
    def paid(self) -> list[Plan]:
        """The plans for sale, by id."""
        return [plan for _, plan in sorted(self._newest.items()) if plan.provider_plan]

    @property
    def priced(self) -> list[Plan]:
        """The newest version of every plan that costs something, for sale here or not yet, by id."""
        return [plan for _, plan in sorted(self._newest.items()) if plan.price]

    @property
    def superseded(self) -> list[Plan]:
        """Older versions whose plan at BlueSnap carries no newest one: only subscriptions that were sold under them are on it."""
        carrying = {plan.provider_plan for plan in self._newest.values()}
        older = [plan for plan in self._versions.values() if plan.provider_plan and plan.provider_plan not in carrying]
        return sorted(older, key=lambda plan: (plan.id, plan.version))


def _plan(entry: dict[str, Any], environment: str) -> Plan:
    plan = Plan(
        id=entry["id"],
        version=entry["version"],
        price=Decimal(entry["price"]),
        currency=entry["currency"],
        provider_plan=entry.get("bluesnap", {}).get(environment, ""),
    )
    exponent = EXPONENTS[plan.currency]
    if type(entry["price"]) is not str or not formats.matches(formats.AMOUNT, entry["price"]):
        raise ValueError
    if type(plan.version) is not int or not 0 < plan.version <= MOST_VERSIONS:
        raise ValueError
    if plan.price != plan.price.quantize(Decimal(1).scaleb(-exponent)):
        raise ValueError
    if re.fullmatch(r"[a-z]{1,30}", plan.id) is None or re.fullmatch(r"[0-9]{0,12}", plan.provider_plan) is None:
        raise ValueError
    return plan


def read(path: Path, environment: str) -> Catalogue:
    """The catalogue for one environment. Raises SettingsError, naming the entry, if anything about it is wrong."""
    try:
        entries = list(tomllib.loads(path.read_text(encoding="utf-8"))["plan"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        raise SettingsError("PANLESS_PLANS_FILE names no readable catalogue") from None
    plans: list[Plan] = []
    for number, entry in enumerate(entries, start=1):
        try:
            plans.append(_plan(entry, environment))
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError):
            raise SettingsError(f"PANLESS_PLANS_FILE: entry {number} is wrong") from None
    if len({(plan.id, plan.version) for plan in plans}) != len(plans):
        raise SettingsError("PANLESS_PLANS_FILE: a version of a plan is there twice")
    return Catalogue(plans)
