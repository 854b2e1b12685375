"""Runs orders for operators: each is a command's arguments under some settings, in a process that is forked for it alone. Exit statuses go into a file.

The orders come by standard input, since everybody may read the arguments of a process.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

import alembic  # noqa: F401 - what every command needs is read once, for all of them
import sqlalchemy  # noqa: F401

from service import cli, wiring  # noqa: F401
from service.evidence import command


def work(_):
    """Stands for the worker, which no order starts."""
    return 0


def carry_out(order):
    """The end of a process as Python makes it, but for what it does only to be tidy: that takes most of its time."""
    os.environ.update(order["environ"])
    sys.argv = ["service", *order["arguments"]]
    try:
        status = cli.main(work, order["arguments"], others=(command.register,))
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - whatever it is, the interpreter would hand it to this hook
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


told = json.load(sys.stdin)
gc.freeze()
statuses = []
for order in told["orders"]:
    child = os.fork()
    if not child:
        carry_out(order)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
Path(told["statuses"]).write_text(json.dumps(statuses), encoding="utf-8")
