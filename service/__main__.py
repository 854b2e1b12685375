"""`python -m service`: opens the operator's door, and through it the worker's."""

from __future__ import annotations

import argparse
import sys

from service import cli


def work(_: argparse.Namespace) -> int:
    """Run background jobs until stopped."""
    from service import jobs, wiring
    from service.store import database
    from service.telemetry import logs

    settings = cli.current_settings()
    database.check_environment(settings.database_url, settings.environment)
    logs.set_up()
    jobs.work(wiring.build(settings))
    return cli.FINE


sys.exit(cli.main(work))
