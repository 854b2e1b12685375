"""Every column has a class and an end; what has an end is wiped when it is reached, and nothing that money or a refund needs is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.billing.erasure import retaining
from service.store import keeping, retention
from service.store.models import METADATA, SESSIONS, SIGNUPS
from tests.support.databases import by_stealth

LINES = retention.table_of_columns()
DECLARED = {(table.name, column.name) for table in METADATA.sorted_tables for column in table.c}


def test_every_column_of_every_table_has_a_line_and_no_other():
    assert {(table, column) for table, columns in LINES.items() for column in columns} == DECLARED


def test_each_line_has_a_class_of_ours_and_says_how_long():
    for table, columns in LINES.items():
        for column, (kind, kept) in columns.items():
            assert kind in retention.CLASSES, (table, column)
            assert kept, (table, column)


def test_each_column_with_an_end_is_one_that_something_wipes():
    ends = {
        (table, column)
        for table, columns in LINES.items()
        for column, (_, kept) in columns.items()
        if kept not in {retention.KEPT, retention.UNTIL_ERASURE}
    }
    wiped = {(rule.table.name, column.name) for rule in retention.RULES for column in rule.columns}
    elsewhere = {
        (table, column)
        for table, column in DECLARED
        if table in retention.ELSEWHERE or f"{table}.{column}" in retention.ELSEWHERE
    }
    assert ends == wiped | elsewhere


def test_nothing_that_is_wiped_stands_in_a_version_or_counts_money():
    for rule in retention.RULES:
        for column in rule.columns:
            assert column.name in keeping.LEFT_OUT
            assert LINES[rule.table.name][column.name][0] == "private"


def test_every_column_that_names_an_account_goes_with_it():
    for table, column in DECLARED:
        if column == "account" and table not in {"tombstones", "shopper_deletions", "events"}:
            assert LINES[table][column] == ("account", retention.UNTIL_ERASURE), table


@pytest.fixture
def given(desk, engine):
    """A purchase that gave an address, a fraud session and a challenge."""
    desk.buy(address="192.0.2.7")
    with engine.begin() as connection:
        connection.execute(SIGNUPS.update().values(address=b"a" * 32, fraud_session="f" * 20, three_d_secure="1234"))


def kept(desk):
    (session,), (signup,) = desk.rows(SESSIONS), desk.rows(SIGNUPS)
    return [session.address, signup.address, signup.fraud_session, signup.three_d_secure]


@pytest.mark.parametrize(("days", "left"), [(0, 4), (2, 2), (31, 0)])
def test_private_columns_are_wiped_when_their_time_is_over(given, desk, tools, clock, days, left):
    before = len(desk.acts)
    clock.advance(days=days)
    retaining.retain(tools)
    assert len([one for one in kept(desk) if one is not None]) == left
    assert retaining.retain(tools) == 0
    assert len(desk.acts) == before


def test_what_an_undecided_attempt_needs_is_kept(given, desk, tools, clock, engine):
    with by_stealth(engine) as connection:
        connection.execute(SIGNUPS.update().values(state="stuck"))
    clock.advance(days=400)
    retaining.retain(tools)
    assert kept(desk) == [None, None, "f" * 20, "1234"]


def test_rule_of_a_day_is_longer_than_any_limit_looks_back():
    assert min(rule.after for rule in retention.RULES) >= timedelta(days=1)
