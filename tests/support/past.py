"""Moments by the database's clock, what somebody with a shell does to rows, and how the rows of an account lie there."""

from __future__ import annotations

from sqlalchemy import func, select, text

from service.store.keeping import LEFT_OUT

#: Children before their parents, as somebody has to delete them.
OF_ACCOUNT = {
    "notices": "provider_subscription IN (SELECT provider_subscription FROM subscriptions WHERE account = :account)",
    "tasks": "account = :account",
    "disputes": "account = :account",
    "refunds": "account = :account",
    "prices": "subscription_id IN (SELECT id FROM subscriptions WHERE account = :account)",
    "charges": "subscription_id IN (SELECT id FROM subscriptions WHERE account = :account)",
    "signups": "account = :account",
    "subscriptions": "account = :account",
    "checkout_sessions": "account = :account",
    "accounts": "account = :account",
}


def moment(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.clock_timestamp())).scalar_one()


def written(at):
    """As a query has it."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def by_hand(engine, statement, **values):
    """One statement in a transaction of its own, without any code of ours."""
    with engine.begin() as connection:
        return connection.execute(text(statement), values).rowcount


def lose(engine, account="acct-a"):
    """Delete every row of an account in one transaction. How many of which table there were."""
    with engine.begin() as connection:
        found = {
            table: connection.execute(text(f"DELETE FROM {table} WHERE {mine}"), {"account": account}).rowcount
            for table, mine in OF_ACCOUNT.items()
        }
    return {table: number for table, number in found.items() if number}


def lying(engine, account="acct-a"):
    """Every row of an account, but for what is never kept."""
    found = {}
    with engine.connect() as connection:
        for table, mine in OF_ACCOUNT.items():
            rows = connection.execute(text(f"SELECT * FROM {table} WHERE {mine} ORDER BY 1"), {"account": account})
            kept = [{name: value for name, value in row.items() if name not in LEFT_OUT} for row in rows.mappings()]
            found[table] = kept
    return found
