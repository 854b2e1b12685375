"""A thousand accounts, two months, and not one notice: without a worker, the sweep alone brings every account to BlueSnap's truth.

That truth is computed here from what the simulator shows, by the published plan rules; nothing of the service is asked about it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
import requests
from journeys_stage import Stage
from psycopg import sql

from dev import processes
from dev.errors import DevError
from dev.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ZONE = ZoneInfo("America/Los_Angeles")
MANY = 1_000
HEADERS = {"bluesnap-version": "3.0", "Accept": "application/json", "Content-Type": "application/json"}
CREDENTIALS = ("API_1000000001", "simulator-password-1")
PRICES = {"2340001": 29, "2340002": 49}
PLANS = {"2340001": "team", "2340002": "business"}
GRACE = timedelta(days=60)
#: What becomes of each customer, over and over.
FATES = (
    "renews", "renews", "renews", "fails", "pays_late", "canceled_at_once", "canceled_at_the_end", "comes_back",
    "refunded_in_part", "refunded_and_ended",
)  # fmt: skip


class Customers:
    """What BlueSnap has, made and read by its own doors."""

    def __init__(self, stage):
        self.stage, self.session = stage, requests.Session()
        self.session.trust_env, self.session.auth = False, CREDENTIALS
        today = datetime.fromisoformat(stage.lever("clock")["now"]).astimezone(ZONE).date()
        lines = [line(number, today - timedelta(days=number * 7 % 28)) for number in range(MANY)]
        made = stage.lever("seed", {"subscriptions": lines})["subscriptions"]
        self.ids = [one["subscription_id"] for one in made]

    def with_fate(self, *fates):
        return [one for number, one in enumerate(self.ids) if FATES[number % len(FATES)] in fates]

    def each(self, lever, fate, **body):
        for one in self.with_fate(fate):
            self.stage.lever(lever, {"subscription_id": one, **body})

    def call(self, method, path, **more):
        url = f"{self.stage.stack.simulator_url}/services/2/{path}"
        answer = self.session.request(method, url, headers=HEADERS, timeout=30, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refund_last(self, fate, amount, *, ends):
        for one in self.with_fate(fate):
            last = self.charges(one)[-1]
            body = {"amount": amount or str(last["amount"]), "cancelSubscriptions": ends}
            self.call("POST", f"transactions/refund/{last['transactionId']}", json=body)

    def charges(self, subscription_id):
        query = {"pagesize": 500, "fulldescription": "true"}
        return self.call("GET", f"recurring/subscriptions/{subscription_id}/charges", params=query)["charges"]

    def read(self):
        """Each subscription as BlueSnap shows it."""
        return {one: self.call("GET", f"recurring/subscriptions/{one}") for one in self.ids}


def line(number, paid_on):
    plan = "2340002" if number % 3 == 0 else "2340001"
    price = PRICES[plan] * (number % 20 + 1)
    outcome = {"outcome": "INSUFFICIENT_FUNDS"} if FATES[number % len(FATES)] in {"fails", "pays_late"} else {}
    return {"plan_id": plan, "amount": price, "paid_on": paid_on.isoformat(), **outcome}


def account_of(number):
    return f"kept-{''.join(chr(97 + int(digit)) for digit in str(number))}"


def truth(shown, now):
    """What an account may use and why, and the state of its subscription, by DESIGN's plan rules and what BlueSnap shows."""
    plan, next_charge = PLANS[str(shown["planId"])], date.fromisoformat(shown["nextChargeDate"])
    paid_until = datetime.combine(next_charge, datetime.min.time(), ZONE)
    grace_end = datetime.combine(next_charge + GRACE, datetime.min.time(), ZONE)
    if shown["status"] != "ACTIVE" or (not shown["autoRenew"] and now >= paid_until):
        return ("ended", False, next_charge), (plan, "canceled") if now < paid_until else ("community", "free")
    if now < paid_until:
        reason = "paid" if shown["autoRenew"] else "canceled"
        return ("active", shown["autoRenew"], next_charge), (plan, reason)
    if now < paid_until + timedelta(days=1):
        return ("active", True, next_charge), (plan, "renewing")
    return ("past_due", True, next_charge), (plan, "grace") if now < grace_end else ("community", "free")


def two_months(customers):
    """Sixty-three days in which everything happens and nothing is told."""
    lever = customers.stage.lever
    lever("notices", {"mode": "drop"})
    lever("clock", {"advance": "P2W"})
    customers.each("cancel", "comes_back", at_period_end=True)
    lever("clock", {"advance": "P2D"})
    customers.each("change", "comes_back", auto_renew=True)
    lever("clock", {"advance": "P12D"})
    customers.each("cancel", "canceled_at_once")
    customers.each("card", "pays_late", outcome="success")
    lever("clock", {"advance": "P1W"})
    customers.each("cancel", "canceled_at_the_end", at_period_end=True)
    customers.refund_last("refunded_in_part", "10.00", ends=False)
    lever("clock", {"advance": "P1W"})
    customers.refund_last("refunded_and_ended", None, ends=True)
    lever("clock", {"advance": "P3W"})


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A stack whose worker has gone: nobody looks, nobody settles."""
    with Stack(data=tmp_path_factory.mktemp("sweep"), throwaway=True) as stack:
        processes.stop(stack.children.pop("worker"))
        yield Stage(stack)


@pytest.fixture(scope="module")
def customers(stage, tmp_path_factory):
    """A thousand that were adopted while all was well; then two months without a notice."""
    made = Customers(stage)
    table = tmp_path_factory.mktemp("adopt") / "customers.csv"
    pairs = [f"{account_of(number)},{one}" for number, one in enumerate(made.ids)]
    table.write_text("\n".join(["account,subscription", *pairs]) + "\n", encoding="utf-8")
    stage.stack.command("adopt", str(table), "--apply")
    two_months(made)
    return made


def rows_as_they_lie(stage):
    """Every row of ours with its place and the transaction that wrote it."""
    with psycopg.connect(stage.stack.database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        query = sql.SQL("SELECT ctid::text, xmin::text, one::text FROM {} one ORDER BY ctid")
        return {name: connection.execute(query.format(sql.Identifier(name))).fetchall() for (name,) in tables}


def sweep(stage, *arguments):
    """The report, and the seconds it took."""
    began = time.monotonic()
    report = json.loads(stage.stack.command("sweep", "--json", *arguments))
    return report, time.monotonic() - began


def accounts(stage):
    """What the platform is told of each account."""
    with ThreadPoolExecutor(8) as pool, requests.Session() as session:
        session.trust_env, session.headers["Authorization"] = False, f"Bearer {stage.stack.api_key}"
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=8))
        urls = [f"{stage.stack.service_url}/v1/accounts/{account_of(number)}" for number in range(MANY)]
        return [answer.json() for answer in pool.map(lambda url: session.get(url, timeout=30), urls)]


def records(stage):
    """Our record of each subscription, by BlueSnap's id."""
    query = "SELECT provider_subscription, status, renews, next_charge_on FROM subscriptions"
    with psycopg.connect(stage.stack.database_url) as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def money(stage):
    """By payment: its amount, and what was given back of it."""
    query = (
        "SELECT c.reference, c.amount, coalesce(sum(r.amount), 0) FROM charges c"
        " LEFT JOIN refunds r ON r.charge_id = c.id GROUP BY c.reference, c.amount"
    )
    with psycopg.connect(stage.stack.database_url) as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def money_at_bluesnap(stage):
    """The same, by the simulator's ledger."""
    ledger, back = stage.ledger(), Counter()
    for entry in ledger:
        if entry["kind"] == "refund":
            back[entry["transaction_id"]] += Decimal(entry["amount"])
    return {one["id"]: (Decimal(one["amount"]), back[one["id"]]) for one in ledger if one["kind"] == "charge"}


def test_sweep_alone_brings_a_thousand_accounts_to_the_truth(stage, customers, record_property):
    before = rows_as_they_lie(stage)
    with pytest.raises(DevError, match="more than 20"):
        stage.stack.command("sweep", "--apply")
    assert rows_as_they_lie(stage) == before, "a sweep that stops has repaired nothing"

    report, seconds = sweep(stage, "--apply", "--most", str(MANY))
    assert (report["outcome"], report["compared"], report["unread"]) == ("repaired", MANY, 0)

    now = datetime.fromisoformat(stage.lever("clock")["now"])
    shown = customers.read()
    wanted = {one: truth(shown[one], now) for one in customers.ids}
    assert records(stage) == {one: state for one, (state, _) in wanted.items()}
    told = [(account["access"]["plan"], account["access"]["reason"]) for account in accounts(stage)]
    assert told == [wanted[one][1] for one in customers.ids]
    assert money(stage) == money_at_bluesnap(stage)
    states, reasons = (
        Counter(state[0] for state, _ in wanted.values()),
        Counter(access[1] for _, access in wanted.values()),
    )
    assert {"active", "past_due", "ended"} == set(states)
    assert {"paid", "grace", "free", "canceled"} <= set(reasons)

    lies = rows_as_they_lie(stage)
    again, seconds_again = sweep(stage, "--apply", "--charges")
    assert (again["outcome"], again["rows"]) == ("clean", [])
    assert rows_as_they_lie(stage) == lies, "a second sweep changes no row"
    plain, seconds_plain = sweep(stage, "--apply")
    assert plain["outcome"] == "clean"
    assert rows_as_they_lie(stage) == lies
    measured = {"repairing": seconds, "nothing, with charges": seconds_again, "nothing": seconds_plain}
    record_property("seconds", measured)
    record_property("found", {"rows": len(report["rows"]), **states, **reasons})
