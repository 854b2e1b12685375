"""Accounts that are over, and hands that erase them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.archive import Archive
from service.audit.signing import Verifier
from service.audit.verify import Audit
from service.store import accounts, changes
from service.store.journal import Act, Origin
from service.store.models import METADATA


@pytest.fixture
def archive(tmp_path):
    return Archive.open(str(tmp_path / "archive"))


@pytest.fixture
def tools(make_tools, archive):
    return replace(make_tools(), archive=archive)


@pytest.fixture
def finished(desk, engine):
    """An account that has bought, and whose subscription is over."""

    def finished(account="acct-a"):
        desk.buy(account=account)
        with engine.begin() as connection:
            live = accounts.claiming_subscription(connection, account)
            over = {"status": "ended", "renews": False, "ended_at": desk.tools.clock()}
            changes.change(connection, live, Act.SUBSCRIPTION_ENDED, Origin("worker"), **over)
        return account

    return finished


@pytest.fixture
def audit(module_database):
    """What an audit finds: kinds with entries."""

    def audit():
        found = Audit(module_database, Verifier("simulator", ()), None).verify().findings
        return [(one.kind.value, one.entry) for one in found]

    return audit


@pytest.fixture
def everywhere(engine):
    """Whether a text stands in any column of any table."""

    def everywhere(text):
        with engine.connect() as connection:
            return [
                name
                for name in METADATA.tables
                if connection.exec_driver_sql(
                    f"SELECT EXISTS (SELECT FROM {name} one WHERE one::text LIKE %s)", (f"%{text}%",)
                ).scalar_one()
            ]

    return everywhere
