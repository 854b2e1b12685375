"""A journal with some life in it, signed and copied, and hands that alter it behind everybody's back and can put it back."""

from __future__ import annotations

import base64
import contextlib

import pytest

from service.archive import Archive
from service.audit import checkpointing
from service.audit.checkpointing import Checkpointing
from service.audit.signing import Signer
from service.audit.verify import Audit
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from tests.support.databases import by_stealth

KEY, OTHER_KEY = ("one", bytes(range(32))), ("two", bytes(range(1, 33)))
KEPT = ("entries", "versions", "image_keys", "checkpoints", "chain", "subscriptions", "events")


def text_of(key):
    return f"{key[0]}:{base64.b64encode(key[1]).decode()}"


class Journal:
    """The journal of a test, with its archive, and who signs and audits it."""

    def __init__(self, engine, url, folder):
        self.engine, self.url = engine, url
        self.archive = Archive.open(str(folder))
        self.signer = Signer("simulator", [KEY], [])

    def checkpoint(self, signer=None, archive=None):
        """One round of the worker; the number of checkpoints signed."""
        return Checkpointing(self.engine, self.url, signer or self.signer, archive or self.archive).round()

    def audit(self, first=1, **how):
        how = {"verifier": self.signer.verifier, "archive": self.archive, **how}
        return Audit(self.url, **how).verify(first)

    def found(self, **how):
        """What an audit finds: kinds with entries."""
        return [(one.kind.value, one.entry) for one in self.audit(**how).findings]

    def told(self, kind, **how):
        """What differs, of the first finding of a kind."""
        return next(one.differs for one in self.audit(**how).findings if one.kind.value == kind)

    def ask(self, statement):
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(statement).scalar_one()

    @property
    def last(self):
        return self.ask("SELECT max(number) FROM entries")

    def stealthily(self, *statements):
        """Run statements as a superuser with all triggers off."""
        with by_stealth(self.engine) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def undone(self):
        """Afterwards the tables are as they were."""
        names = [f"kept_{table}" for table in KEPT]
        self.stealthily(*(f"CREATE TABLE {name} AS TABLE {table}" for name, table in zip(names, KEPT, strict=True)))
        try:
            yield
        finally:
            self.stealthily(
                *(f"DELETE FROM {table}" for table in KEPT),
                *(f"INSERT INTO {table} SELECT * FROM {name}" for name, table in zip(names, KEPT, strict=True)),
                f"DROP TABLE {', '.join(names)}",
            )


@pytest.fixture
def journal(engine, module_database, tmp_path, monkeypatch):
    """An empty one, of which every entry is due at once."""
    monkeypatch.setattr(checkpointing, "SECONDS", 0)
    return Journal(engine, module_database, tmp_path / "archive")


@pytest.fixture
def lived(journal, desk):
    """Two accounts have bought, and a matter was opened at somebody's request; each time what there was has been signed and copied."""
    for account in ("acct-a", "acct-b"):
        desk.buy(account=account)
        assert journal.checkpoint() == 1
    with journal.engine.begin() as connection:
        write(connection, Act.TASK_OPENED, Origin("operator", new_id("req")), subject=new_id("task"), image={})
    assert journal.checkpoint() == 1
    return journal
