"""`python -m dev reset`: drop the data of `make run`, its settings and logs. Refuses while it runs; touches nothing outside var/ but what it put elsewhere."""

from __future__ import annotations

import shutil

from dev import pgbinaries, processes
from dev.bootstrap import VAR
from dev.errors import DevError
from dev.pgcluster import Cluster


def main(_arguments: list[str]) -> int:
    """Drop it. A second time there is nothing to do, and that is fine."""
    if not VAR.is_dir():
        print("nothing to drop")
        return 0
    with (VAR / "running.lock").open("w") as lock:
        if not processes.take(lock):
            message = "`make run` is running: end it first"
            raise DevError(message)
        if (VAR / "postgres").is_dir():
            Cluster.open(VAR / "postgres", pgbinaries.server_account(), only_look=True).remove()
        shutil.rmtree(VAR)
    print("dropped var/ with the database")
    return 0
