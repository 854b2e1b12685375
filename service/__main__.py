"""`python -m service`: opens the operator's door, and through it the worker's."""

from __future__ import annotations

import argparse
import sys

from service import cli


def work(_: argparse.Namespace) -> int:
    """Run background jobs until stopped."""
    import structlog

    from service import jobs, wiring
    from service.store import database
    from service.telemetry import logs, metrics

    settings = cli.current_settings()
    database.check_environment(settings.database_url, settings.environment)
    logs.set_up()
    try:
        metrics.serve(settings.worker_metrics_bind)
    except OSError:  # another worker of this host has the address: both do their work
        structlog.get_logger().warning("worker.metrics_unserved", setting="PANLESS_WORKER_METRICS_BIND")
    jobs.work(wiring.build(settings))
    return cli.FINE


sys.exit(cli.main(work))
