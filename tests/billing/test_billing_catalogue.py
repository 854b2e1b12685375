"""The catalogue: exact prices, versions that never change, and every mistake in the file told by the number of its entry."""

from __future__ import annotations

from decimal import Decimal

import pytest

from service.billing import catalogue
from service.billing.catalogue import EXPONENTS, Money
from service.config import ROOT
from service.errors import Code, Refusal, SettingsError

TEAM = """
[[plan]]
id = "team"
version = 1
price = "29.00"
currency = "USD"
bluesnap = { simulator = "2340001", sandbox = "" }
"""


@pytest.fixture
def read(tmp_path):
    def make(text, environment="simulator"):
        file = tmp_path / "plans.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return catalogue.read(file, environment)

    return make


def changed(**values):
    """The good entry with other values, as they stand in the file; None leaves one out."""
    lines = [line for line in TEAM.strip().splitlines() if line.split(" =")[0] not in values]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in values.items() if value is not None)])


def test_catalogue_of_the_project_sells_team_and_business():
    ours = catalogue.read(ROOT / "plans.toml", "simulator")
    sold = {plan.id: (plan.price, plan.currency, plan.provider_plan) for plan in ours.paid}
    assert sold == {
        "team": (Decimal("29.00"), "USD", "2340001"),
        "business": (Decimal("49.00"), "USD", "2340002"),
    }


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_plan_without_a_bluesnap_plan_is_not_for_sale_there(read, environment):
    plans = read(TEAM, environment)
    assert plans.paid == []
    with pytest.raises(Refusal) as told:
        plans.for_sale("team")
    assert (told.value.code, told.value.errors[0].pointer) == (Code.PLAN_UNKNOWN, "/plan")


def test_newest_version_is_sold_and_the_old_one_stays_known(read):
    plans = read(changed(version=2, price='"31.00"') + TEAM)
    assert plans.for_sale("team").price == Decimal("31.00")
    assert plans.version("team", 1).price == Decimal("29.00")
    assert [plan.version for plan in plans.paid] == [2]


def test_total_is_price_times_members_exactly(read):
    plan = read(changed(price='"0.07"')).for_sale("team")
    assert plan.total(10_000) == Money(Decimal("700.00"), "USD")
    assert plan.total(3).text == "0.21"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("290", "USD", "290.00"),
        ("0.5", "EUR", "0.50"),
        ("1500", "JPY", "1500"),
        ("1E+3", "USD", "1000.00"),
        ("29.000", "GBP", "29.00"),
    ],
)
def test_money_is_told_with_the_currencys_own_decimals(amount, currency, text):
    assert Money(Decimal(amount), currency).text == text


@pytest.mark.parametrize("currency", EXPONENTS)
def test_price_finer_than_the_currency_is_refused(read, currency):
    decimals = EXPONENTS[currency]
    fine = f'"1.{"0" * decimals}5"'
    with pytest.raises(SettingsError, match="entry 1"):
        read(changed(price=fine, currency=f'"{currency}"'))
    assert read(changed(price='"29"', currency=f'"{currency}"')).for_sale("team").price == 29


@pytest.mark.parametrize(
    "values",
    [
        {"price": '"-1.00"'},
        {"price": '"twelve"'},
        {"price": '"NaN"'},
        {"price": '"Infinity"'},
        {"price": "[1]"},
        {"price": None},
        {"currency": '"XXX"'},
        {"currency": None},
        {"version": None},
        {"id": None},
        {"id": '"Team"'},
        {"id": '"team2"'},
        {"id": "7"},
        {"bluesnap": '{ simulator = "4263982640269299" }'},
        {"bluesnap": '{ simulator = "abc" }'},
        {"bluesnap": "{ simulator = 2340001 }"},
        {"bluesnap": '"2340001"'},
    ],
    ids=str,
)
def test_wrong_entry_is_told_by_its_number_and_not_repeated(read, values):
    with pytest.raises(SettingsError) as told:
        read(TEAM.replace("team", "first") + changed(**values))
    assert str(told.value) == "PANLESS_PLANS_FILE: entry 2 is wrong"
    assert told.value.__suppress_context__


def test_version_that_is_there_twice_is_refused(read):
    with pytest.raises(SettingsError, match="there twice"):
        read(TEAM + TEAM)


@pytest.mark.parametrize("text", ["", "plan", "[plan]\nid = 1", "[[plan]", b"\xff\xfe", "plan = 3", 'plan = ["team"]'])
def test_file_that_is_no_catalogue_is_refused(read, text):
    with pytest.raises(SettingsError, match="PANLESS_PLANS_FILE"):
        read(text)


def test_missing_file_is_refused_without_naming_it(tmp_path):
    with pytest.raises(SettingsError) as told:
        catalogue.read(tmp_path / "secret-folder" / "plans.toml", "simulator")
    assert "secret-folder" not in str(told.value)


def test_plan_nobody_knows_is_refused(read):
    with pytest.raises(Refusal) as told:
        read(TEAM).for_sale("gold")
    assert told.value.code is Code.PLAN_UNKNOWN
