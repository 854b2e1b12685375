"""`python -m simulator`: start, say where, and end cleanly on SIGTERM or SIGINT. Exit status 2 when it cannot start. It must never print a secret."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence

from simulator.servers import Simulator
from simulator.settings import SettingsRefused, parse
from simulator.wire import CannotListen


def main(arguments: Sequence[str]) -> int:
    """Run until told to end; the exit status."""
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: ended.set())
    try:
        simulator = Simulator(parse(arguments, os.environ))
    except (SettingsRefused, CannotListen) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    simulator.start()
    for line in simulator.banner():
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    ended.wait()
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
