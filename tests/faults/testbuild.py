"""The service as a test build: `python -m tests.faults.testbuild serve|work|…` is `python -m service …`, held still at crash points when told to.

A request names the points at which it wants to be held in its header `X-Hold-At` (comma-separated). The worker process, and notices, are held by a
file: FOLDER/arm/POINT with the number of times. FOLDER is the variable HOLD_FOLDER. Whoever is held writes a file FOLDER/held/POINT.<number> (its text:
the process's number) and waits until FOLDER/go exists or FOLDER/go.POINT does; if FOLDER/stall exists meanwhile, it stops the whole process, all
threads of it, until something kills it. The worker process has its rounds every second instead of every five. Planted bugs (`--bug NAME`, see bugs.py) are put in before anything runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

FOLDER = Path(os.environ.get("HOLD_FOLDER", "/nonexistent"))
EVERY = 0.01
#: A test that forgot its held requests must not hang for ever.
LONGEST_SECONDS = 110.0
HEADER = "X-Hold-At"


class _Here(threading.local):
    points = frozenset()


_here = _Here()


def listener(name):
    """Called at every point, in the thread that reached it."""
    if name == "request.read":
        from flask import request

        _here.points = frozenset(request.headers.get(HEADER, "").split(","))
    if name in _here.points or _armed(name):
        hold(name)
    if name == "answer.written":
        _here.points = frozenset()


def _armed(name):
    """Whether the file says so; each time is used up."""
    path = FOLDER / "arm" / name
    try:
        path.rename(mine := path.with_name(f"{name}.{uuid.uuid4().hex}"))
    except OSError:
        return False
    left = int(mine.read_text()) - 1
    if left > 0:
        mine.write_text(str(left))
        mine.rename(path)
    else:
        mine.unlink()
    return True


def hold(name):
    """Stay here."""
    held = FOLDER / "held"
    held.mkdir(exist_ok=True)
    mark = held / f".{uuid.uuid4().hex}"
    mark.write_text(str(os.getpid()))
    mark.rename(held / f"{name}.{uuid.uuid4().hex}")
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until and not (FOLDER / "go").exists() and not (FOLDER / f"go.{name}").exists():
        if (FOLDER / "stall").exists():
            stop_the_world()
        time.sleep(EVERY)


def stop_the_world():
    """Every thread stands still: PyDLL calls keep the interpreter's lock, so that not even gunicorn's heartbeat goes on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(600)


def main(arguments):
    bugs = []
    while arguments[:1] == ["--bug"]:
        bugs.append(arguments[1])
        arguments = arguments[2:]
    from service import crashpoints

    crashpoints.listen(listener)
    if bugs:
        from tests.faults import bugs as planted

        planted.put_in(bugs, arguments)
    if arguments[:1] == ["work"]:
        from service import jobs

        jobs.EVERY_SECONDS = 1  # leases and quiet periods are a second or two here as well
    sys.argv = ["service", *arguments]
    with contextlib.suppress(KeyboardInterrupt):
        runpy.run_module("service", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
