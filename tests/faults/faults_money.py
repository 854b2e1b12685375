"""The invariants about money: what BlueSnap sold, charged and gave back against what was answered and what is here. None reads or changes anything."""

from __future__ import annotations

import calendar
import re
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from tests.faults.faults_facts import PLANS, UNDECIDED, form_of, moment_of

LIVE = {"active", "past_due", "disputed"}
PAYMENTS = {"CHARGE", "RECURRING"}
REFUNDS = {"REFUND", "CANCELLATION_REFUND"}
DISPUTES = {"CHARGEBACK", "CHARGEBACK_STATUS_CHANGED"}
#: What else the service knows by its references and its moment.
LOOKED_AT = {"SUBSCRIPTION_CHARGE_FAILURE", "CANCELLATION", "CANCEL_ON_RENEWAL", "CONTRACT_CHANGE", "ACCOUNT_UPDATER"}


def at_most_one_sale(facts):
    """I1: at no moment two live subscriptions of an account at BlueSnap, and no paid period charged twice."""
    account_of = facts.owner()
    live, whose, wrong, sales = defaultdict(set), {}, [], 0
    for entry in facts.ledger:
        if entry["kind"] == "subscription":
            sales += 1
            whose[entry["id"]] = account = account_of(entry)
            live[account].add(entry["id"])
            if len(live[account]) > 1:
                wrong.append(f"{account} has {len(live[account])} live subscriptions: {sorted(live[account])}")
        elif entry["kind"] == "change" and entry["of"] == "subscription" and entry.get("status", "ACTIVE") != "ACTIVE":
            live[whose.get(entry["id"])].discard(entry["id"])
    return sales, wrong + _periods_charged_twice(facts, account_of)


def _periods_charged_twice(facts, account_of):
    by_subscription = defaultdict(list)
    for charge in facts.of_kind("charge"):
        if charge["type"] != "SWITCH":
            by_subscription[charge["subscription_id"]].append(charge)
    wrong = []
    for reference, charges in by_subscription.items():
        days = [moment_of(charge["at"]).astimezone(facts.zone).date() for charge in charges]
        periods = Counter(_period(facts, days[0], day) for day in days)
        first = Counter(charge["type"] for charge in charges)["INITIAL"]
        if first > 1 or max(periods.values()) > 1:
            wrong.append(f"{account_of(charges[0])} was charged twice for a period of {reference}: {days}")
    return wrong


def _period(facts, anchor, day):
    """Which monthly period since the first charge a day lies in; where BlueSnap moves billing days, the day itself."""
    if (
        facts.behaviour.get("month_end", "anchored") != "anchored"
        or facts.behaviour.get("late_payment", "skips") != "skips"
    ):
        return day
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    begins = min(anchor.day, calendar.monthrange(day.year, day.month)[1])
    return months - (day.day < begins)


def answered_is_sold(facts):
    """I2: each 201 of a purchase exists at BlueSnap and here, with the same ids, amount and plan."""
    sold = {entry["id"]: entry for entry in facts.of_kind("subscription")}
    begun = {
        entry["subject"]: entry["image"]
        for entry in facts.tables["entries"]
        if entry["act"] == "subscription.activated"
    }
    rows, wrong, seen, account_of = _by(facts.tables["subscriptions"], "id"), [], 0, facts.owner()
    for said in facts.said:
        path = urlsplit(said.path).path
        if said.status != 201 or not path.endswith(("/completion", "/reactivation")):
            continue
        seen += 1
        ours, told = begun.get(said.body["id"]), said.body
        row = rows.get(said.body["id"])
        if ours is None or row is None:
            wrong.append(f"{told['account']} was told {told['id']}, which is not active here")
            continue
        theirs = sold.get(ours["provider_subscription"])
        if theirs is None:
            wrong.append(f"{told['account']} was told {told['id']}, which BlueSnap never sold")
            continue
        total = (Decimal(told["total"]["amount"]), told["total"]["currency"])
        there = (Decimal(theirs["amount"]), theirs["currency"])
        here = (Decimal(ours["amount"]), ours["currency"])
        # whoever is answered after a change is shown what has become of it, which is another version
        changed = told["version"] > ours["version"]
        as_told = changed or (total == here and ours["plan"] == told["plan"])
        if not as_told or there != here or theirs["plan_id"] != PLANS[ours["plan"]]:
            wrong.append(f"{told['id']}: told {total} {told['plan']}, sold {there} {theirs['plan_id']}, kept {here}")
        if row["account"] != told["account"] or account_of(theirs) != told["account"]:
            wrong.append(f"{told['id']} belongs to another account than was told")
    return seen, wrong


def meaning_of(notice):
    """What a notice means, by the rule of DESIGN section 8 read anew; None where it has no reference to be known by."""
    form, kind = form_of(notice), notice["type"]
    reference, reversal = (_number(form.get(name)) for name in ("referenceNumber", "reversalRefNum"))
    if kind in PAYMENTS:
        return ("payment", reference) if reference else None
    if kind in REFUNDS:
        return ("refund", reversal) if reversal else None
    if kind == "PENDING_REFUND":
        return ("pending", reversal) if reversal else None
    if kind in DISPUTES:
        status = form.get("cbStatus", "").lower() or ("new" if kind == "CHARGEBACK" else None)
        return ("dispute", reversal, status) if reversal and status else None
    if kind not in LOOKED_AT:
        return None
    named = (_number(form.get("subscriptionId")), reference, reversal)
    moment = form.get("transactionDate")
    return (kind, *named, moment) if any(named) and moment else None


def _number(text):
    """A reference of BlueSnap's; anything else in its place is not kept, and the notice is known by its delivery alone."""
    return text if text and re.fullmatch(r"[0-9]{1,18}", text) else None


def _kept_meaning(row):
    kind = row["type"]
    if kind in PAYMENTS:
        return ("payment", row["reference"])
    if kind in REFUNDS:
        return ("refund", row["reversal_reference"])
    if kind == "PENDING_REFUND":
        return ("pending", row["reversal_reference"])
    if kind in DISPUTES:
        return ("dispute", row["reversal_reference"], row["dispute_status"] or ("new" if kind == "CHARGEBACK" else ""))
    return (kind, row["provider_subscription"], row["reference"], row["reversal_reference"])


def acknowledged_is_kept(facts):
    """I3: each notice answered 200 is in the inbox once by its meaning, and what it tells of happened here exactly once."""
    inbox = Counter(map(_kept_meaning, facts.tables["notices"]))
    told = {}
    for notice in facts.notices:
        meaning = meaning_of(notice)
        if meaning is not None and any(one["status"] == 200 for one in notice["deliveries"]):
            told[meaning] = notice
    wrong, ours = [], facts.ours()
    for meaning, notice in told.items():
        common = meaning[0] in {"payment", "refund", "pending", "dispute"}
        # of the others several may be known apart by their minute alone, which the inbox keeps as a moment
        number = inbox[meaning] if common else inbox[meaning[:4]]
        if number == 0 or (common and number > 1):
            wrong.append(f"{notice['type']} {meaning[1:]} was acknowledged and is in the inbox {number} times")
        if form_of(notice).get("subscriptionId") in ours:
            wrong += _effect(facts, meaning, form_of(notice))
    return len(told), wrong


def _effect(facts, meaning, form):
    """Of payments and refunds of subscriptions of ours."""
    if meaning[0] not in {"payment", "refund"}:
        return []
    if meaning[0] == "payment":
        number = sum(row["reference"] == meaning[1] for row in facts.tables["charges"])
    else:
        number = sum(row["provider_refund"] == meaning[1] for row in facts.tables["refunds"])
        if number == 0:  # BlueSnap may not have said the refund's own number to us; then its amount must be there
            number = int(
                _given_back(facts, form["referenceNumber"]) == _given_back_there(facts, form["referenceNumber"])
            )
    return [] if number == 1 else [f"{meaning[0]} {meaning[1]} was told and is here {number} times"]


def _given_back(facts, reference):
    charges = {row["id"] for row in facts.tables["charges"] if row["reference"] == reference}
    rows = [row for row in facts.tables["refunds"] if row["charge_id"] in charges and row["status"] != "failed"]
    return sum((row["amount"] for row in rows), Decimal(0))


def _given_back_there(facts, reference):
    called_off = {one["id"] for one in facts.of_kind("change") if one["of"] == "refund" and one["status"] == "CANCELED"}
    given = [
        one for one in facts.of_kind("refund") if one["transaction_id"] == reference and one["id"] not in called_off
    ]
    return sum((Decimal(one["amount"]) for one in given), Decimal(0))


def same_on_both_sides(facts):
    """I4: each subscription of ours stands as it stands at BlueSnap, with its charges and refunds, and nothing is unknown."""
    wrong = [f"signup {row['id']} of {row['account']} is {row['state']}" for row in undecided(facts)]
    unsettled = [row for row in facts.tables["refunds"] if row["status"] in {"requested", "unknown"}]
    wrong += [f"refund {row['id']} is {row['status']}" for row in unsettled]
    linked = [row for row in facts.tables["subscriptions"] if row["provider_subscription"] is not None]
    for row in linked:
        theirs = facts.theirs.get(row["provider_subscription"])
        differing = ["missing there"] if theirs is None else _differences(row, theirs)
        wrong += [f"subscription {row['id']} of {row['account']}: {one}" for one in differing]
    return len(linked), wrong + _money_differs(facts)


def _differences(row, theirs):
    found = []
    if row["pending_change"] is not None:
        found.append(f"its {row['pending_change']} is not settled")
    if (row["status"] in LIVE) != (theirs["status"] == "ACTIVE"):
        return [*found, f"{row['status']} here, {theirs['status']} there"]
    if row["status"] not in LIVE:
        return found
    day = theirs.get("nextChargeDate")
    compared = {
        "renews": (row["renews"], theirs["autoRenew"]),
        "plan": (PLANS.get(row["next_plan"] or row["plan"]), str(theirs["planId"])),
        "amount": (row["amount"], Decimal(theirs["recurringChargeAmount"]) * theirs["quantity"]),
        "currency": (row["currency"], theirs["currency"]),
        "next charge": (row["next_charge_on"], date.fromisoformat(day) if day else None),
    }
    return found + [
        f"{name} is {ours} here, {there} there" for name, (ours, there) in compared.items() if ours != there
    ]


def _money_differs(facts):
    """Charges by reference and amount, refunds by the sum of each charge; of subscriptions that are linked."""
    linked = facts.ours()
    there = {
        (one["id"], Decimal(one["amount"]), one["currency"])
        for one in facts.of_kind("charge")
        if one["subscription_id"] in linked and Decimal(one["amount"])
    }
    rows = facts.tables["charges"]
    here = Counter((row["reference"], row["amount"], row["currency"]) for row in rows)
    wrong = [f"charge {one[0]} of {one[1]} is there, and not here" for one in there if one not in here]
    wrong += [f"charge {one[0]} of {one[1]} is here, and not there" for one in here if one not in there]
    for row in rows:
        sums = _given_back(facts, row["reference"]), _given_back_there(facts, row["reference"])
        if sums[0] != sums[1]:
            wrong.append(f"of charge {row['reference']} was given back {sums[0]} here, {sums[1]} there")
    return wrong


def undecided(facts):
    """Signups that are not decided and should be. Without proven keys, one of which BlueSnap has nothing may wait: it is never sent again."""
    sold_to = {entry["shopper_id"] for entry in facts.of_kind("subscription")}
    rows = [row for row in facts.tables["signups"] if row["state"] in {*UNDECIDED, "stuck"}]
    waits = {"subscription_unknown", "stuck"}
    return [
        row for row in rows if facts.proven or row["state"] not in waits or row["provider_shopper"] in sold_to
    ]  # fmt: skip


def no_orphans(facts):
    """I5: every subscription, charge and paying shopper of BlueSnap is known here, or put before a person."""
    ours, matters = facts.ours(), {row["reference"] for row in facts.tables["tasks"]}
    charges = {row["reference"] for row in facts.tables["charges"]}
    shoppers = {row["provider_shopper"] for row in (*facts.tables["subscriptions"], *facts.tables["signups"])}
    wrong, seen, account_of = [], 0, facts.owner()
    for entry in facts.ledger:
        known = matters & {entry["id"], entry.get("subscription_id")}
        if entry["kind"] == "subscription":
            seen += 1
            if entry["id"] not in ours and not known:
                wrong.append(f"subscription {entry['id']} of {account_of(entry)} is not known here")
        elif entry["kind"] == "charge" and Decimal(entry["amount"]):
            seen += 1
            if entry["id"] not in charges and not known:
                wrong.append(f"charge {entry['id']} of {account_of(entry)} is not known here")
            if entry["shopper_id"] not in shoppers and not known:
                wrong.append(f"shopper {entry['shopper_id']} paid and is not known here")
    return seen, wrong


def _by(rows, column):
    return {row[column]: row for row in rows}
