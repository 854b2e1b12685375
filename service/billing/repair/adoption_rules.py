"""Whether a subscription that BlueSnap has already may become ours as it stands. Pure; what is doubtful is refused by a named rule, never guessed."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, timedelta

from service.billing.catalogue import Catalogue, Plan, Terms
from service.bluesnap.payloads import Subscription as Found


class Rule(enum.StrEnum):
    """Why a line is not linked. The words are stable."""

    LINE_MALFORMED = "line_malformed"
    ACCOUNT_MALFORMED = "account_malformed"
    SUBSCRIPTION_MALFORMED = "subscription_malformed"
    MEMBERS_MALFORMED = "members_malformed"
    ACCOUNT_TWICE = "account_twice"
    SUBSCRIPTION_TWICE = "subscription_twice"
    ACCOUNT_TAKEN = "account_taken"
    LINKED_ELSEWHERE = "linked_elsewhere"
    NOT_FOUND = "not_found"
    NOT_ASKED = "not_asked"
    NOT_ACTIVE = "not_active"
    PLAN_UNKNOWN = "plan_unknown"
    CURRENCY_OTHER = "currency_other"
    QUANTITY_NOT_ONE = "quantity_not_one"
    SHOPPER_MISSING = "shopper_missing"
    SHOPPER_ELSEWHERE = "shopper_elsewhere"
    NEXT_CHARGE_MISSING = "next_charge_missing"
    OVERDUE = "overdue"
    AMOUNT_NO_MULTIPLE = "amount_no_multiple"
    AMOUNT_AMBIGUOUS = "amount_ambiguous"
    MEMBERS_OUT_OF_RANGE = "members_out_of_range"


#: What each rule means, for the person who reads the list.
MEANING: dict[Rule, str] = {
    Rule.LINE_MALFORMED: "the line has not the columns of the header",
    Rule.ACCOUNT_MALFORMED: "the account is not a name that the API takes",
    Rule.SUBSCRIPTION_MALFORMED: "the subscription is not a number of BlueSnap's",
    Rule.MEMBERS_MALFORMED: "members is not a whole number",
    Rule.ACCOUNT_TWICE: "other lines name this account with another subscription",
    Rule.SUBSCRIPTION_TWICE: "other lines name this subscription with another account",
    Rule.ACCOUNT_TAKEN: "the account has a live or undecided subscription",
    Rule.LINKED_ELSEWHERE: "the subscription belongs to another account",
    Rule.NOT_FOUND: "BlueSnap shows no such subscription, or not to this user",
    Rule.NOT_ASKED: "BlueSnap could not be asked; run it again",
    Rule.NOT_ACTIVE: "the subscription is not active at BlueSnap",
    Rule.PLAN_UNKNOWN: "its plan at BlueSnap is in no entry of plans.toml",
    Rule.CURRENCY_OTHER: "its currency is not the plan's",
    Rule.QUANTITY_NOT_ONE: "its quantity is not 1: set it to 1 at BlueSnap, with the whole price as amount",
    Rule.SHOPPER_MISSING: "BlueSnap shows no shopper",
    Rule.SHOPPER_ELSEWHERE: "its shopper was made by a signup of another account here",
    Rule.NEXT_CHARGE_MISSING: "BlueSnap shows no next charge date",
    Rule.OVERDUE: "its next charge date is past by more than the days of grace: it would end at once",
    Rule.AMOUNT_NO_MULTIPLE: "its amount is no whole multiple of a price of the plan",
    Rule.AMOUNT_AMBIGUOUS: "its amount fits several versions of the plan: say the members in a third column",
    Rule.MEMBERS_OUT_OF_RANGE: "it would have more members than are allowed",
}
#: About money: a person is given a task, not only a line on the screen.
FOR_A_PERSON = {
    Rule.CURRENCY_OTHER,
    Rule.QUANTITY_NOT_ONE,
    Rule.AMOUNT_NO_MULTIPLE,
    Rule.AMOUNT_AMBIGUOUS,
    Rule.MEMBERS_OUT_OF_RANGE,
}


@dataclass(frozen=True)
class Link:
    """What an account would get: terms with their pinned version, and where BlueSnap's subscription stands. `renews` false: canceled to its end."""

    terms: Terms
    shopper: str
    next_charge_on: date
    renews: bool


@dataclass(frozen=True)
class Bounds:
    """What is allowed, and the present billing day."""

    today: date
    grace_days: int
    max_members: int


def judge(found: Found, catalogue: Catalogue, bounds: Bounds, members: int | None = None) -> Link | Rule:
    """The link that a subscription allows, or the first rule that refuses it. `members`: what the person says, where the amount leaves a choice.

    Quantity must be 1: every later change sends the whole price as the amount of one unit (DESIGN section 3), and at another
    quantity BlueSnap would charge that several times over.
    """
    plans = catalogue.find(found.plan_id or "")
    sold = [plan for plan in plans if plan.currency == found.currency]
    day, shopper = found.next_charge_date, found.shopper_id
    flaws = {
        Rule.NOT_ACTIVE: found.status != "ACTIVE",
        Rule.PLAN_UNKNOWN: not plans,
        Rule.CURRENCY_OTHER: not sold,
        Rule.QUANTITY_NOT_ONE: found.quantity != 1,
        Rule.OVERDUE: day is not None and day + timedelta(days=bounds.grace_days) <= bounds.today,
    }
    if any(flaws.values()):
        return next(rule for rule, holds in flaws.items() if holds)
    if shopper is None or day is None:
        return Rule.SHOPPER_MISSING if shopper is None else Rule.NEXT_CHARGE_MISSING
    terms = _terms(found, sold, bounds, members)
    return terms if isinstance(terms, Rule) else Link(terms, shopper, day, found.auto_renew is not False)


def _terms(found: Found, plans: list[Plan], bounds: Bounds, members: int | None) -> Terms | Rule:
    """The one version whose price goes into the amount without a rest."""
    if found.amount is None or found.amount <= 0:
        return Rule.AMOUNT_NO_MULTIPLE
    fitting = [plan.terms(int(found.amount // plan.price)) for plan in plans if plan.price]
    fitting = [terms for terms in fitting if terms.amount == found.amount and members in {None, terms.members}]
    if not fitting:
        return Rule.AMOUNT_NO_MULTIPLE
    if len(fitting) > 1:
        return Rule.AMOUNT_AMBIGUOUS
    return fitting[0] if fitting[0].members <= bounds.max_members else Rule.MEMBERS_OUT_OF_RANGE


def is_whole(found: Found) -> bool:
    """Whether a listing showed all that is judged; else the subscription is read by itself."""
    return None not in {found.plan_id, found.shopper_id, found.quantity, found.amount, found.currency} and (
        found.next_charge_date is not None and found.auto_renew is not None
    )
