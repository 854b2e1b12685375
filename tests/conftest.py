"""What several folders need: one throw-away PostgreSQL for each test process, databases copied from one migrated template, and tools over them."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def databases(tmp_path_factory):
    """The server of this test process, with its migrated template."""
    from tests.support.databases import running_databases

    with running_databases(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def new_database(databases):
    """Makes databases of a test's own: migrated copies, or empty ones."""
    names = []

    def make(*, migrated=True):
        names.append(f"own_{len(names)}")
        return databases.create(names[-1], migrated=migrated)

    yield make
    for name in names:
        databases.drop(name)


@pytest.fixture(scope="module")
def module_database(databases):
    """The URL of a database that the tests of a file share; `engine` empties it between them."""
    name = f"shared_{next(_NUMBERS)}"
    yield databases.create(name)
    databases.drop(name)


_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def module_engine(module_database):
    from service.store import database

    made = database.connect(module_database, pool_size=24)
    yield made
    made.dispose()


@pytest.fixture
def engine(module_engine, request):
    """An engine of the service's own kind over an empty database at the newest schema. What its test changed left entries."""
    from tests.support.databases import changes_by_hand, empty

    yield module_engine
    forgotten = changes_by_hand(module_engine)
    empty(module_engine)
    assert not forgotten or request.node.get_closest_marker("by_hand"), f"changed without an entry: {forgotten}"


@pytest.fixture
def clock():
    from tests.support.tools import StillClock

    return StillClock()


@pytest.fixture
def bluesnap():
    from tests.support.fake_bluesnap import FakeBlueSnap

    return FakeBlueSnap()


@pytest.fixture(scope="session")
def quiet_logs():
    """The service's own log set-up, whose lines go nowhere; `logged` shows them."""
    from tests.support.logs import write_logs_to

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        write_logs_to(nowhere)
        yield lambda: write_logs_to(nowhere)


@pytest.fixture
def logged(quiet_logs):
    """What was logged so far: a function that answers the text."""
    from tests.support.logs import write_logs_to

    stream = io.StringIO()
    write_logs_to(stream)
    yield stream.getvalue
    quiet_logs()


@pytest.fixture
def their_issuer():
    """Who says who people are: `their_issuer.identity(subject)` signs an identity."""
    from tests.support.people import TheirIssuer

    return TheirIssuer()


@pytest.fixture
def make_tools(engine, bluesnap, clock, quiet_logs, their_issuer):
    """Tools over the test's database, clock and BlueSnap; settings by their lower-case names, as text."""
    from tests.support.tools import tools_over

    def make(**settings):
        return tools_over(engine, bluesnap, clock, issuer=their_issuer.ours(), **settings)

    return make


@pytest.fixture
def tools(make_tools):
    return make_tools()


@pytest.fixture
def desk(tools, bluesnap):
    from tests.support.desk import Desk

    return Desk(tools, bluesnap)


@pytest.fixture
def web(tools, bluesnap, their_issuer):
    from tests.support.web import Web

    return Web(tools, bluesnap, their_issuer)
