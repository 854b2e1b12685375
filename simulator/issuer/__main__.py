"""`python -m simulator.issuer`: start, say where, and end cleanly on SIGTERM or SIGINT. Exit status 2 when it cannot start."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping

from simulator.issuer.server import Server
from simulator.settings import SettingsRefused, is_loopback

USUAL_PORT = 8092


def main(environ: Mapping[str, str]) -> int:
    """Run until told to end; the exit status."""
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: ended.set())
    try:
        server = Server(*_address(environ))
    except (SettingsRefused, OSError) as error:
        sys.stderr.write(f"issuer: {error if isinstance(error, SettingsRefused) else 'the port cannot be had'}\n")
        return 2
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    sys.stdout.write(f"issuer of made-up people, loopback only: {server.origin}\nready\n")
    sys.stdout.flush()
    ended.wait()
    server.shutdown()
    return 0


def _address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Where to listen: SIMULATOR_ISSUER_HOST and SIMULATOR_ISSUER_PORT, or loopback and the usual port. Raises SettingsRefused."""
    host, port = environ.get("SIMULATOR_ISSUER_HOST", "127.0.0.1"), environ.get("SIMULATOR_ISSUER_PORT", "")
    if not is_loopback(host):
        raise SettingsRefused("the issuer signs for everybody who asks: its host must be a loopback address")
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise SettingsRefused("SIMULATOR_ISSUER_PORT holds no port")
    return host, int(port or USUAL_PORT)


if __name__ == "__main__":
    sys.exit(main(os.environ))
