"""`python -m service`: opens the operator's door, and through it the worker's."""

from __future__ import annotations

import argparse
import sys

from service import cli
from service.cardguard import process
from service.evidence import command
from service.evidence.deployed import command as deployed


def work(_: argparse.Namespace) -> int:
    """Run background jobs until stopped."""
    import structlog

    from service import jobs, wiring
    from service.store import standing
    from service.store.ids import new_id
    from service.telemetry import gauges, logs, metrics_server

    settings = cli.current_settings()
    logs.set_up()
    tools = wiring.build(settings)
    jobs.await_database(tools)

    def waiting() -> list[standing.Standing]:
        now = tools.clock()
        with tools.engine.connect() as connection:
            return standing.read(connection, now=now, told=tools.platform is not None)

    gauges.serve(waiting)
    try:
        metrics_server.serve(settings.worker_metrics_bind, lambda: new_id("req"))
    except OSError:  # another worker of this host has the address: both do their work
        structlog.get_logger().warning("worker.metrics_unserved", setting="PANLESS_WORKER_METRICS_BIND")
    jobs.work(tools)
    return cli.FINE


process.harden()
sys.exit(cli.main(work, others=(command.register, deployed.register)))
