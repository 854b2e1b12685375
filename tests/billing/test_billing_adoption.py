"""Adopting customers that BlueSnap has already: what is clear is linked once, what is doubtful is refused by its rule, and a dry run changes nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from service.billing import catalogue
from service.billing.life import looks
from service.billing.repair import adoption
from service.billing.repair.adoption import NotAListError
from service.billing.repair.adoption_rules import MEANING, Rule
from service.bluesnap.payloads import Charge, Subscription
from service.errors import Misconfigured, NeverSent, Unknown
from service.store.journal import Origin
from service.store.models import PRICES, TASKS
from tests.support.databases import count_rows
from tests.support.notices import charge_form, deliver

OPERATOR = Origin("operator")
HEADER = "account,subscription\n"


@pytest.fixture
def there(bluesnap):
    """Puts an active subscription to BlueSnap that we know nothing of."""

    def put(reference="55667788", **values):
        usual = {
            "plan_id": "2340001", "shopper_id": "31000042", "status": "ACTIVE", "quantity": 1, "amount": Decimal("290.00"),
            "currency": "USD", "auto_renew": True, "next_charge_date": date(2031, 4, 10), "charge": None,
        }  # fmt: skip
        bluesnap.subscriptions.append(Subscription(subscription_id=reference, **(usual | values)))
        return reference

    return put


@pytest.fixture
def adopt(tools):
    """Adopts a list; answers its rows."""

    def run(*lines, apply=True, header=HEADER):
        return adoption.adopt(tools, OPERATOR, adoption.read(header + "\n".join(lines)), apply=apply)

    return run


def told(rows):
    return [(row.outcome, row.rule) for row in rows]


def test_subscription_is_linked_to_its_account_with_all_that_it_is(desk, there, adopt):
    there()
    (row,) = adopt("acct-a,55667788")
    assert (row.outcome, row.link.terms) == ("linked", catalogue.Terms("team", 1, 10, Decimal("290.00"), "USD"))
    (ours,) = desk.subscriptions
    assert (ours.account, ours.status, ours.members, ours.amount, ours.renews) == ("acct-a", "active", 10, 290, True)
    assert (ours.provider_subscription, ours.provider_shopper) == ("55667788", "31000042")
    assert (ours.next_charge_on, ours.version) == (date(2031, 4, 10), 1)
    access = desk.access()
    assert (access.plan, access.members, access.reason) == ("team", 10, "paid")
    assert desk.acts == ["subscription.adopted", "price.agreed"]
    (price,) = desk.rows(PRICES)
    assert (price.plan_version, price.amount, price.applies_from) == (1, 290, date(2031, 3, 10))


def test_dry_run_tells_all_and_changes_nothing(tools, bluesnap, there, adopt):
    there()
    there("55667799", amount=Decimal(50))
    before = count_rows(tools.engine)
    assert told(adopt("acct-a,55667788", "acct-b,55667799", apply=False)) == [
        ("link", None),
        ("refused", Rule.AMOUNT_NO_MULTIPLE),
    ]
    assert count_rows(tools.engine) == before
    assert {call.name for call in bluesnap.calls} == {"get_subscription"}


def test_second_run_changes_nothing(tools, there, adopt):
    there()
    there("55667799", amount=Decimal(50))
    lines = ("acct-a,55667788", "acct-b,55667799")
    adopt(*lines)
    before = count_rows(tools.engine)
    assert told(adopt(*lines)) == [("known", None), ("refused", Rule.AMOUNT_NO_MULTIPLE)]
    assert count_rows(tools.engine) == before


def test_look_after_it_records_what_was_paid_before(desk, bluesnap, there, adopt):
    reference = there()
    bluesnap.charges[reference].append(Charge("1", "1090001235", Decimal("290.00"), "USD", date(2031, 3, 10)))
    adopt("acct-a,55667788")
    assert looks.look_due(desk.tools) == 1
    assert [charge.reference for charge in desk.charges] == ["1090001235"]
    assert desk.access().reason == "paid"


def test_notice_that_waited_for_the_subscription_is_applied(desk, tools, there, adopt):
    there()
    deliver(tools, charge_form(subscriptionId="55667788", referenceNumber="1090001235"))
    assert [row.outcome for row in desk.notices] == ["waiting"]
    adopt("acct-a,55667788")
    assert [row.outcome for row in desk.notices] == ["applied"]
    assert [charge.reference for charge in desk.charges] == ["1090001235"]


def test_subscription_without_renewal_is_adopted_as_canceled(desk, there, adopt):
    there(auto_renew=False)
    adopt("acct-a,55667788")
    assert (desk.subscriptions[0].renews, desk.access().reason) == (False, "canceled")


FLAWS = {
    "status": ({"status": "CANCELED"}, Rule.NOT_ACTIVE),
    "status that nobody knows": ({"status": "UNRECOGNISED"}, Rule.NOT_ACTIVE),
    "plan": ({"plan_id": "2349999"}, Rule.PLAN_UNKNOWN),
    "no plan": ({"plan_id": None}, Rule.PLAN_UNKNOWN),
    "currency": ({"currency": "EUR"}, Rule.CURRENCY_OTHER),
    "quantity": ({"quantity": 10, "amount": Decimal(29)}, Rule.QUANTITY_NOT_ONE),
    "no quantity": ({"quantity": None}, Rule.QUANTITY_NOT_ONE),
    "shopper": ({"shopper_id": None}, Rule.SHOPPER_MISSING),
    "next charge": ({"next_charge_date": None}, Rule.NEXT_CHARGE_MISSING),
    "overdue": ({"next_charge_date": date(2031, 3, 10) - timedelta(days=60)}, Rule.OVERDUE),
    "amount": ({"amount": Decimal("290.01")}, Rule.AMOUNT_NO_MULTIPLE),
    "amount below the price": ({"amount": Decimal("28.99")}, Rule.AMOUNT_NO_MULTIPLE),
    "no amount": ({"amount": None}, Rule.AMOUNT_NO_MULTIPLE),
    "nothing": ({"amount": Decimal(0)}, Rule.AMOUNT_NO_MULTIPLE),
    "members": ({"amount": Decimal(29) * 10_001}, Rule.MEMBERS_OUT_OF_RANGE),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_doubt_about_a_subscription_is_refused_by_its_rule(desk, there, adopt, flaw):
    values, rule = FLAWS[flaw]
    there(**values)
    assert told(adopt("acct-a,55667788")) == [("refused", rule)]
    assert desk.subscriptions == []
    assert desk.access().reason == "free"


def test_overdue_within_the_days_of_grace_is_adopted(desk, there, adopt):
    there(next_charge_date=date(2031, 3, 10) - timedelta(days=59))
    assert told(adopt("acct-a,55667788")) == [("linked", None)]
    assert desk.access().reason == "renewing"


def test_doubt_about_money_is_put_before_a_person_once(desk, there, adopt):
    there(amount=Decimal("300.00"))
    for _ in range(2):
        adopt("acct-a,55667788")
    (task,) = desk.rows(TASKS)
    assert (task.kind, task.reference, task.account) == ("adoption_doubt", "55667788", "acct-a")
    assert (task.amount, task.currency, task.state) == (300, "USD", "open")


def test_adoption_closes_the_task_that_asked_about_it(desk, bluesnap, there, adopt):
    there(amount=Decimal("300.00"))
    adopt("acct-a,55667788")
    bluesnap.change("55667788", amount=Decimal("290.00"))
    adopt("acct-a,55667788")
    assert [task.state for task in desk.rows(TASKS)] == ["done"]


@pytest.fixture
def versions(tools):
    """Tools whose Team plan has two versions that one plan at BlueSnap carries."""

    def make(*prices):
        plans = [
            catalogue.Plan("team", number, Decimal(price), "USD", "2340001") for number, price in enumerate(prices, 1)
        ]
        return replace(tools, catalogue=catalogue.Catalogue(plans))

    return make


@pytest.mark.parametrize(
    ("amount", "members", "expected"),
    [
        ("290.00", None, (1, 10)),
        ("310.00", None, (2, 10)),
        ("899.00", None, Rule.AMOUNT_AMBIGUOUS),
        ("899.00", 31, (1, 31)),
        ("899.00", 29, (2, 29)),
        ("899.00", 30, Rule.AMOUNT_NO_MULTIPLE),
    ],
)
def test_amount_pins_the_version_whose_price_it_was_made_of(versions, there, amount, members, expected):
    there(amount=Decimal(amount))
    lines = f"account,subscription,members\nacct-a,55667788,{members or ''}"
    (row,) = adoption.adopt(versions("29.00", "31.00"), OPERATOR, adoption.read(lines), apply=True)
    pinned = (row.link.terms.plan_version, row.link.terms.members) if row.link else row.rule
    assert pinned == expected


def test_account_with_a_plan_of_its_own_is_refused(desk, there, adopt):
    desk.buy(account="acct-a")
    there()
    assert told(adopt("acct-a,55667788")) == [("refused", Rule.ACCOUNT_TAKEN)]


def test_account_whose_signup_is_undecided_is_refused(desk, bluesnap, there, adopt):
    session_id = desk.open()
    bluesnap.script("create_subscription", Unknown("read_timed_out"))
    desk.complete(session_id)
    there()
    assert told(adopt("acct-a,55667788")) == [("refused", Rule.ACCOUNT_TAKEN)]


def test_subscription_of_another_account_is_refused(there, adopt):
    there()
    adopt("acct-a,55667788")
    assert told(adopt("acct-b,55667788")) == [("refused", Rule.LINKED_ELSEWHERE)]


def test_subscription_of_a_shopper_whom_another_accounts_signup_made_is_refused(desk, bluesnap, there, adopt):
    desk.buy(account="acct-b")
    there(shopper_id=desk.signups[0].provider_shopper)
    for apply in (False, True):
        assert told(adopt("acct-a,55667788", apply=apply)) == [("refused", Rule.SHOPPER_ELSEWHERE)]
    assert len(desk.subscriptions) == 1


@pytest.mark.parametrize(
    ("lines", "rules"),
    [
        (("acct-a,55667788", "acct-a,55667799"), [Rule.ACCOUNT_TWICE] * 2),
        (("acct-a,55667788", "acct-b,55667788"), [Rule.SUBSCRIPTION_TWICE] * 2),
        (("acct-a,55667788", "acct-a,55667799", "acct-b,55667799"), [Rule.ACCOUNT_TWICE] * 2 + [Rule.SUBSCRIPTION_TWICE]),
    ],
)  # fmt: skip
def test_lines_that_contradict_each_other_are_all_refused(desk, there, adopt, lines, rules):
    there()
    there("55667799")
    assert [row.rule for row in adopt(*lines)] == rules
    assert desk.subscriptions == []


def test_same_line_twice_is_linked_once(desk, there, adopt):
    there()
    assert told(adopt(" acct-a , 55667788", "", '"acct-a","55667788"')) == [("linked", None), ("known", None)]
    assert len(desk.subscriptions) == 1


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("acct-a", Rule.LINE_MALFORMED),
        ("acct-a,55667788,1", Rule.LINE_MALFORMED),
        ('acct-a,"55667788', Rule.LINE_MALFORMED),
        ("acct a,55667788", Rule.ACCOUNT_MALFORMED),
        (",55667788", Rule.ACCOUNT_MALFORMED),
        ("4263982640269299,55667788", Rule.ACCOUNT_MALFORMED),
        ("acct-a,4263982640269299", Rule.SUBSCRIPTION_MALFORMED),
        ("acct-a,0123", Rule.SUBSCRIPTION_MALFORMED),
        ("acct-a,-1", Rule.SUBSCRIPTION_MALFORMED),
        ("acct-a,\u0661\u0662", Rule.SUBSCRIPTION_MALFORMED),
    ],
)
def test_malformed_line_is_told_by_its_number_and_never_repeated(bluesnap, adopt, line, rule):
    (row,) = adopt(line)
    assert (row.number, row.outcome, row.rule) == (2, "refused", rule)
    assert row.account in {None, "acct-a"}
    assert row.reference in {None, "55667788"}
    assert bluesnap.calls == []


@pytest.mark.parametrize("members", ["0", "-1", "1.5", "x", "1000000"])
def test_malformed_number_of_members_is_refused(adopt, members):
    (row,) = adopt(f"acct-a,55667788,{members}", header="account,subscription,members\n")
    assert row.rule is Rule.MEMBERS_MALFORMED


@pytest.mark.parametrize("text", ["", "\n", "subscription,account\n", "acct-a,55667788\n", "account;subscription\n"])
def test_text_without_the_header_is_no_list(text):
    with pytest.raises(NotAListError):
        adoption.read(text)


def test_list_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does():
    (row,) = adoption.read("\ufeffaccount,subscription\r\nacct-a,55667788\r\n")
    assert (row.number, row.account, row.reference) == (2, "acct-a", "55667788")


def test_subscription_that_bluesnap_does_not_show_is_refused(adopt):
    assert told(adopt("acct-a,55667788")) == [("refused", Rule.NOT_FOUND)]


def test_subscription_that_could_not_be_read_is_told_as_such(bluesnap, there, adopt):
    there()
    bluesnap.script("get_subscription", Unknown("read_timed_out"))
    assert told(adopt("acct-a,55667788")) == [("refused", Rule.NOT_ASKED)]


@pytest.mark.parametrize("error", [NeverSent("connection_refused"), Misconfigured("credentials_refused")])
def test_run_ends_where_bluesnap_cannot_be_asked_at_all(desk, bluesnap, there, adopt, error):
    there()
    bluesnap.script("get_subscription", error)
    with pytest.raises(type(error)):
        adopt("acct-a,55667788")
    assert desk.subscriptions == []


def test_long_list_costs_one_listing_and_no_read_for_each_line(desk, bluesnap, there, adopt):
    lines = [f"acct-{number},{there(str(60_000_000 + number))}" for number in range(60)]
    bluesnap.subscriptions[7] = replace(bluesnap.subscriptions[7], status="CANCELED", shopper_id=None)
    rows = adopt(*lines)
    assert [row.number for row in rows if row.outcome != "linked"] == [9]
    assert len(desk.subscriptions) == 59
    assert [call.name for call in bluesnap.calls] == ["iterate_subscriptions", "get_subscription"]


def test_of_two_adoptions_at_once_one_links(desk, tools, bluesnap, there):
    there()
    both = threading.Barrier(2)
    for _ in range(2):
        bluesnap.script("get_subscription", meanwhile=lambda: both.wait(10))

    def run(account):
        return adoption.adopt(tools, OPERATOR, adoption.read(f"{HEADER}{account},55667788"), apply=True)[0]

    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(run, ("acct-a", "acct-b")))
    assert sorted((row.outcome, row.rule) for row in rows) == [("linked", None), ("refused", Rule.LINKED_ELSEWHERE)]
    assert len(desk.subscriptions) == 1


def test_every_rule_has_a_meaning():
    assert set(MEANING) == set(Rule)
