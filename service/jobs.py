"""The worker's door: background work on procrastinate. Arguments of jobs are ids only, and a job that dies is found by the next round."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import procrastinate
import structlog
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import OperationalError as DatabaseError

from service import wiring
from service.billing import telling, tidy, watch
from service.billing.buying import settle
from service.billing.erasure import retaining, shoppers
from service.billing.hearing import notices
from service.billing.life import looks
from service.billing.money import refunds
from service.billing.repair import log_review
from service.billing.repair import sweep as sweeping
from service.billing.tools import Tools
from service.store import careful, database, rounds

QUEUE = "panless"
#: How often undecided signups are looked for; the quiet period and the leases decide what is due.
EVERY_SECONDS = 5
TIDY_MINUTES = 1
#: Well after the hour at which billing days begin and many renew at once: what looks are just finding out is no difference.
SWEEP_MINUTE = 47
#: When few sign up, and well after the day has changed.
DAILY = "31 9 * * *"
#: Jobs at a time, more than there are kinds: where BlueSnap or the platform hangs, one kind of work waits, and no other.
PLACES = 10
#: Before the database is tried again.
AGAIN_SECONDS = 2
#: The kinds of rounds whose last good end is remembered; a sweep remembers its own, since one that stops at its limit ends too.
ROUNDS = (
    "settle_signups",
    "settle_refunds",
    "look",
    "hear_again",
    "tell",
    "checkpoint",
    "tidy",
    "retain",
    "delete_shoppers",
    "watch",
    rounds.SWEEP,
)
log = structlog.get_logger()


@dataclass(frozen=True)
class Slow:
    """A kind of round that takes minutes: when it is due, and what answers whether it ended well. It has a thread of its own, beside all places."""

    name: str
    cron: str
    run: Callable[[], bool]


def about_logs(tools: Tools) -> list[Slow]:
    """The rounds over the archived log, where there is one."""
    if tools.archive is None:
        return []
    return [
        Slow(log_review.NAME, log_review.CRON, lambda: log_review.review_due(tools)),
        Slow("prune_logs", DAILY, lambda: log_review.prune_old(tools)),
    ]


def app_for(tools: Tools, slow: Sequence[Slow] = ()) -> procrastinate.App:
    """The worker's app over these tools."""
    app = procrastinate.App(connector=_connector(tools))
    often, each_minute = f"* * * * * */{EVERY_SECONDS}", f"*/{TIDY_MINUTES} * * * *"

    def add(name: str, cron: str, run: Callable[[], object]) -> None:
        _add(app, name, cron, lambda: _remembered(tools, name, run))

    add("settle_signups", often, lambda: settle.settle_due(tools))
    add("settle_refunds", often, lambda: refunds.settle_due(tools))
    add("look", often, lambda: looks.look_due(tools))
    add("hear_again", often, lambda: notices.try_failed_again(tools))
    add("tell", often, lambda: telling.tell(tools))
    add("checkpoint", often, wiring.checkpointing(tools).round)
    _add(
        app, "sweep", f"{SWEEP_MINUTE} */{tools.settings.sweep_hours} * * *", lambda: sweeping.sweep_on_schedule(tools)
    )
    add("tidy", each_minute, lambda: tidy.tidy(tools))
    add("retain", each_minute, lambda: retaining.retain(tools))
    add("delete_shoppers", each_minute, lambda: shoppers.delete_due(tools))
    add("watch", each_minute, lambda: watch.watch(tools))
    for one in slow:
        _add(app, one.name, one.cron, _aside(tools, one))

    @app.periodic(cron=each_minute)
    @app.task(name="forget_stalled", queue=QUEUE, queueing_lock="forget_stalled")
    async def forget_stalled(timestamp: int) -> None:  # noqa: ARG001
        """Jobs of workers that died: the next round does their work, so only their rows are in the way."""
        for job in await app.job_manager.get_stalled_jobs():
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    return app


def _add(app: procrastinate.App, name: str, cron: str, run: Callable[[], object]) -> None:
    """A kind of work on a schedule, one round at a time in this process; a round that falls due meanwhile has nothing to do.

    No job needs a lock in the database: leases there say who may move what, and a lock would outlive a worker that was killed.
    """
    here = threading.Lock()

    @app.periodic(cron=cron)
    @app.task(name=name, queue=QUEUE, queueing_lock=name)
    def job(timestamp: int) -> None:  # noqa: ARG001 - the time it was due, which nothing depends on
        if here.acquire(blocking=False):
            try:
                run()
            finally:
                here.release()


def _aside(tools: Tools, slow: Slow) -> Callable[[], None]:
    """Begins the round in a thread of its own, unless one runs: no place is taken, and a stop does not wait for it."""
    running: list[threading.Thread] = []

    def run() -> None:
        if slow.run():
            with tools.engine.begin() as connection:
                rounds.ended(connection, slow.name)

    def begin() -> None:
        running[:] = [thread for thread in running if thread.is_alive()]
        if not running:
            running.append(threading.Thread(target=run, name=slow.name, daemon=True))
            running[0].start()

    return begin


def _remembered(tools: Tools, name: str, run: Callable[[], object]) -> None:
    run()
    with tools.engine.begin() as connection:
        rounds.ended(connection, name)


def await_database(tools: Tools, names: Sequence[str] = ROUNDS) -> None:
    """Wait for a database that is ours; from then on a round that does not end well is noticed, also one that never did. Raises SettingsError.

    A worker that is started again while the database is, must not end for that: nobody else does its work.
    """
    while True:
        try:
            database.check_logins(tools.settings.urls_of("worker"), tools.settings.environment)
            with tools.engine.begin() as connection:
                rounds.expect(connection, names)
        except DatabaseError as error:
            log.warning("worker.database_lost", error=type(error.orig).__name__)
            time.sleep(AGAIN_SECONDS)
        else:
            return


def _connector(tools: Tools) -> PsycopgConnector:
    url = database.url_of(tools.settings.database_url).set(drivername="postgresql")
    return PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        connection_class=careful.AsyncConnection,
        kwargs=careful.PEER
        | {
            "options": "-c search_path=jobs,public -c statement_timeout=5000 -c lock_timeout=2000",
            "connect_timeout": careful.CONNECT_SECONDS,
            "application_name": "panless-worker",
        },
        min_size=1,
        max_size=4,
    )


def work(tools: Tools, slow: Sequence[Slow] = ()) -> None:
    """Run jobs until SIGTERM or SIGINT; a running one is finished first. A database that went away is waited for."""
    while not asyncio.run(_until_told(tools, slow)):
        time.sleep(AGAIN_SECONDS)


async def _until_told(tools: Tools, slow: Sequence[Slow]) -> bool:
    """Whether the worker was told to stop. procrastinate's ends by itself, and says nothing, when it loses its connection."""
    app, loop, told = app_for(tools, slow), asyncio.get_running_loop(), asyncio.Event()
    try:
        async with app.open_async():
            running = app.run_worker_async(
                queues=[QUEUE],
                concurrency=PLACES,
                delete_jobs="always",
                listen_notify=True,
                install_signal_handlers=False,
            )
            worker = asyncio.create_task(running)

            def stop() -> None:
                told.set()  # procrastinate's worker may be about to end by itself, and hear no cancellation any more
                worker.cancel()

            for sign in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(sign, stop)
            await worker
    except asyncio.CancelledError:
        return True
    except (ConnectorException, PoolTimeout, OperationalError) as error:
        log.warning("worker.database_lost", error=type(error).__name__)
    else:
        log.warning("worker.database_lost")
    return told.is_set()
