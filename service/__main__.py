"""`python -m service`: opens the operator's door, and through it the worker's."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from service import cli
from service.cardguard import process
from service.evidence import command
from service.evidence.deployed import command as deployed

if TYPE_CHECKING:
    from service import jobs
    from service.billing.tools import Tools


def work(_: argparse.Namespace) -> int:
    """Run background jobs until stopped, and archive this host's log lines meanwhile."""
    import contextlib

    import structlog

    from service import jobs, wiring
    from service.archive import rounds, shipping
    from service.store import standing
    from service.store.ids import new_id
    from service.telemetry import gauges, logfiles, logs, metrics_server

    settings = cli.current_settings()
    logs.set_up(files=logfiles.files_in(settings.log_folder, "worker"))
    tools = wiring.build(settings, "worker")
    slow = [*_slow(tools), *jobs.about_logs(tools)]
    shipper = wiring.shipper(tools)

    def waiting() -> list[standing.Standing]:
        now = tools.clock()
        with tools.engine.connect() as connection:
            return standing.read(
                connection, now=now, told=tools.platform is not None, archived=tools.archive is not None
            )

    gauges.serve(waiting)
    try:
        metrics_server.serve(settings.worker_metrics_bind, lambda: new_id("req"))
    except OSError:  # another worker of this host has the address: both do their work
        structlog.get_logger().warning("worker.metrics_unserved", setting="PANLESS_WORKER_METRICS_BIND")
    if shipper is not None:
        gauges.serve_lag(lambda: shipping.lag(shipper.folder, tools.machine_clock()))
    with contextlib.nullcontext() if shipper is None else rounds.alongside(shipper):
        jobs.await_database(tools, (*jobs.ROUNDS, *(one.name for one in slow)))
        jobs.work(tools, slow)
    return cli.FINE


def _slow(tools: Tools) -> list[jobs.Slow]:
    """The canary, which jobs must not know: it stands in the evidence, beside them, and knocks at the doors, above both."""
    import structlog

    from service import app, jobs
    from service.config import Environment
    from service.evidence.deployed import canary
    from service.evidence.deployed.knocking import Way

    if tools.settings.canary_url is None:
        if tools.settings.environment is Environment.PRODUCTION:
            structlog.get_logger().warning("canary.off", setting="PANLESS_CANARY_URL")
        return []
    watch = canary.Watch(tools, [Way(*one) for one in app.ways_in()])
    return [jobs.Slow(canary.NAME, canary.CRON, watch.run)]


process.harden()
sys.exit(cli.main(work, others=(command.register, deployed.register)))
