"""A database that goes away: it loses its power under load (fault 16), or the way to it does, without a word (fault 26)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from sqlalchemy import exc, text

from service.store import careful, database
from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer, all_of
from tests.faults.faults_database import all_at_once, over_and_over, raw, refused, with_worker
from tests.faults.faults_database_way import vanish
from tests.faults.faults_proxy import Proxy
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

pytestmark = pytest.mark.faults

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
LOSSES, BUYERS = 3, 4
#: Within so many seconds a way that is dead must be found to be so.
FOUND_WITHIN = 30
#: As the service's own, only sooner, so that a test need not wait as long.
SOONER = {"keepalives": 1, "keepalives_idle": 1, "keepalives_interval": 1, "keepalives_count": 2, "tcp_user_timeout": 2_000}  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("loss"), server=DURABLE, bugs=("hurry",)) as made:
        yield with_worker(made)


@contextlib.contextmanager
def crowd(stage):
    """So many who buy one plan after the other until the block ends; all of them with their answers."""
    buyers = []

    def buy():
        buyer = Buyer(stage)
        with contextlib.suppress(AssertionError, OSError):  # a session that was refused, or whose answer never came
            buyer.open()
            buyers.append(buyer)
            buyer.complete()

    with over_and_over(buy, BUYERS):
        yield buyers


def test_power_loss_under_load_loses_nothing_that_was_answered(stage):
    with crowd(stage) as buyers:
        for _ in range(LOSSES):
            sold = sold_to(buyers)
            eventually(lambda sold=sold: sold_to(buyers) >= sold + 2 * BUYERS, within=60)
            stage.plan("B16")
            stage.restart_database()
            assert "automatic recovery in progress" in stage.server.log.read_text(encoding="utf-8")
            stage.saw("B16")
    opened = {
        answer.json()["id"]
        for answer in list(stage.answers)
        if answer.status_code == 201 and answer.json()["id"].startswith("cs_")
    }
    assert opened <= {row[0] for row in stage.sql("SELECT id FROM checkout_sessions")}
    answers = all_at_once(
        *(lambda buyer=buyer: stage_answer(buyer) for buyer in buyers if buyer.answers[-1].status != 201)
    )
    assert {answer.status for answer in answers} <= {200, 201}
    assert [stage.sold(buyer.name) for buyer in buyers] == [(1, 1)] * len(buyers)
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I3", "I5", "I6", "I15", "I16"))


def sold_to(buyers):
    return sum(any(answer.status == 201 for answer in buyer.answers) for buyer in list(buyers))


def stage_answer(buyer):
    """The page comes back until all is decided; its last answer, raw."""
    buyer.persist()
    return raw(buyer, buyer.key)


def test_worker_that_starts_while_the_database_is_away_waits_for_it(stage):
    stage.stop("worker")
    [(last,)] = stage.sql("SELECT max(ended_at) FROM jobs.rounds")
    stage.stop_database()
    stage.start_again("worker")
    eventually(lambda: "worker.database_lost" in stage.logs()["worker.log"], within=60)
    stage.start_database()
    looked = "SELECT 1 FROM jobs.rounds WHERE name = 'look' AND ended_at > %s"
    try:
        eventually(lambda: stage.sql(looked, last), within=120)
    except AssertionError:
        pytest.fail(f"it does not work again:\n{stage.logs()['worker.log'][-3_000:]}")


def test_silent_way_to_the_database_is_given_up_and_comes_back(stage):
    charged, others = Buyer(stage).open(), all_of(stage, 3)
    charged.begin(hold_at="create_subscription.answered")
    stage.await_held("create_subscription.answered")
    stage.plan("B26")
    with stage.to_database.bad(swallow_down=True):
        stage.go()
        for answer in all_at_once(*(lambda buyer=buyer: raw(buyer) for buyer in others)):
            refused(answer)
            assert answer.seconds < FOUND_WITHIN
        assert charged.ended().status == 503
        assert stage.to_database.counts["swallowed"]
    found = {line["error"] for line in stage.service_log() if line["event"] == "database.unavailable"}
    assert found & {"NoAnswerError", "ConnectionTimeout"}, (
        found  # of a way that was there, or of a new one
    )
    stage.saw("B26")
    # nobody comes back for it: the worker, whose connections were as silent, settles what was charged
    eventually(
        lambda: stage.sql("SELECT state FROM signups WHERE account = %s", charged.account) == [("active",)], within=60
    )
    assert [buyer.persist().status for buyer in others] == [201] * 3
    faults_judge.assert_holds(stage, buyers=[charged, *others], on=("I1", "I2", "I5", "I16"), sweep=False, deep=False)


@pytest.fixture
def way(stage):
    with Proxy("127.0.0.1", stage.server.port) as made:
        yield made


def through(stage, way):
    parts = urlsplit(stage.direct_url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{way.port}"))


def lose_power(way):
    """The machine behind the connection is gone: it acknowledges nothing any more."""
    [pair] = way._pairs
    vanish(pair[0])


def test_kernel_finds_a_peer_that_vanished_under_a_statement(stage, way, monkeypatch):
    monkeypatch.setattr(careful, "PEER", SOONER)
    monkeypatch.setattr(careful.Connection, "answer_seconds", None)  # whoever waits for the answer would find it, too
    engine = database.connect(through(stage, way), pool_size=1)
    stage.plan("B26")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        lose_power(way)
        with pytest.raises(exc.OperationalError):
            connection.execute(text("SELECT 2"))
    engine.dispose()
    stage.saw("B26")


def test_kernel_finds_a_peer_that_vanished_while_nothing_was_asked(stage, way):
    async def listen():
        async with await careful.AsyncConnection.connect(through(stage, way), autocommit=True, **SOONER) as connection:
            await connection.execute("LISTEN something")
            lose_power(way)
            async for _ in connection.notifies():
                pass

    stage.plan("B26")
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        asyncio.run(listen())
    assert time.monotonic() - begun < FOUND_WITHIN
    stage.saw("B26")


def test_time_limits_of_a_connection_find_a_dead_way_in_thirty_seconds(stage, way):
    silent = careful.PEER["keepalives_idle"] + careful.PEER["keepalives_interval"] * careful.PEER["keepalives_count"]
    unheard = careful.PEER["tcp_user_timeout"] / 1_000
    assert max(silent, unheard, careful.ANSWER_SECONDS + careful.CANCEL_SECONDS) < FOUND_WITHIN
    # the server's own limits come first, so that what is merely slow is told
    assert database.STATEMENT_MS + database.LOCK_MS < careful.ANSWER_SECONDS * 1_000
    engine = database.connect(through(stage, way), pool_size=1)
    with engine.connect() as connection, socket.socket(fileno=connection.connection.fileno()) as line:
        limit = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        line.detach()
    engine.dispose()
    assert limit == careful.PEER["tcp_user_timeout"]
