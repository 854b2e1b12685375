"""The worker's door: background work on procrastinate. Arguments of jobs are ids only, and a job that dies is found by the next round."""

from __future__ import annotations

import asyncio
import threading

import procrastinate
from procrastinate import PsycopgConnector
from procrastinate.jobs import Status

from service.billing import telling, tidy
from service.billing.buying import settle
from service.billing.life import looks
from service.billing.money import refunds
from service.billing.repair import sweep as sweeping
from service.billing.tools import Tools
from service.store import database

QUEUE = "panless"
#: How often undecided signups are looked for; the quiet period and the leases decide what is due.
EVERY_SECONDS = 5
TIDY_MINUTES = 1
#: Well after the hour at which billing days begin and many renew at once: what looks are just finding out is no difference.
SWEEP_MINUTE = 47
#: Jobs at a time: a long sweep, or a platform that hangs, leaves places to the rest.
PLACES = 4


def app_for(tools: Tools) -> procrastinate.App:
    """The worker's app over these tools."""
    app = procrastinate.App(connector=_connector(tools))

    # No job needs a lock: leases in the database say who may move what, and a lock would outlive a worker that was killed.
    @app.periodic(cron=f"* * * * * */{EVERY_SECONDS}")
    @app.task(name="settle_signups", queue=QUEUE, queueing_lock="settle_signups")
    def settle_signups(timestamp: int) -> None:  # noqa: ARG001 - the time it was due, which nothing depends on
        settle.settle_due(tools)

    @app.periodic(cron=f"* * * * * */{EVERY_SECONDS}")
    @app.task(name="settle_refunds", queue=QUEUE, queueing_lock="settle_refunds")
    def settle_refunds(timestamp: int) -> None:  # noqa: ARG001
        refunds.settle_due(tools)

    @app.periodic(cron=f"* * * * * */{EVERY_SECONDS}")
    @app.task(name="look", queue=QUEUE, queueing_lock="look")
    def look(timestamp: int) -> None:  # noqa: ARG001
        looks.look_due(tools)

    _add_telling(app, tools)

    @app.periodic(cron=f"{SWEEP_MINUTE} */{tools.settings.sweep_hours} * * *")
    @app.task(name="sweep", queue=QUEUE, queueing_lock="sweep")
    def sweep(timestamp: int) -> None:  # noqa: ARG001
        sweeping.sweep_on_schedule(tools)

    @app.periodic(cron=f"*/{TIDY_MINUTES} * * * *")
    @app.task(name="tidy", queue=QUEUE, queueing_lock="tidy")
    def tidy_up(timestamp: int) -> None:  # noqa: ARG001
        tidy.wipe_expired_fields(tools)

    @app.periodic(cron=f"*/{TIDY_MINUTES} * * * *")
    @app.task(name="forget_stalled", queue=QUEUE, queueing_lock="forget_stalled")
    async def forget_stalled(timestamp: int) -> None:  # noqa: ARG001
        """Jobs of workers that died: the next round does their work, so only their rows are in the way."""
        for job in await app.job_manager.get_stalled_jobs():
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    return app


def _connector(tools: Tools) -> PsycopgConnector:
    url = database.url_of(tools.settings.database_url).set(drivername="postgresql")
    return PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"options": "-c search_path=jobs,public", "application_name": "panless-worker"},
        min_size=1,
        max_size=4,
    )


def _add_telling(app: procrastinate.App, tools: Tools) -> None:
    """One round at a time in this process: a platform that hangs must not take up all its places."""
    telling_here = threading.Lock()

    @app.periodic(cron=f"* * * * * */{EVERY_SECONDS}")
    @app.task(name="tell", queue=QUEUE, queueing_lock="tell")
    def tell(timestamp: int) -> None:  # noqa: ARG001
        if telling_here.acquire(blocking=False):
            try:
                telling.collect(tools)
                telling.deliver_due(tools)
            finally:
                telling_here.release()


def work(tools: Tools) -> None:
    """Run jobs until SIGTERM or SIGINT; a running one is finished first."""

    async def run() -> None:
        app = app_for(tools)
        async with app.open_async():
            await app.run_worker_async(queues=[QUEUE], concurrency=PLACES, delete_jobs="always", listen_notify=True)

    asyncio.run(run())
