"""`python -m dev run`: the whole stack on the fixed ports until Ctrl-C. Never on real cards or real BlueSnap accounts: it sells through the simulator."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from dataclasses import fields
from types import FrameType

from dev import people, ports
from dev.bootstrap import ROOT, VAR
from dev.ports import Ports
from dev.stack import Stack

#: What the stack decides itself: another value would part its pieces.
_OWN = {
    "PANLESS_ENVIRONMENT",
    "PANLESS_BLUESNAP_URL",
    "PANLESS_HOSTED_FIELDS_URL",
    "PANLESS_CLOCK_URL",
    "PANLESS_OIDC_ISSUER",
}
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BANNER = """
  Open {shop}
  and buy a plan there. In the card form, with any name:
    4111 1111 1111 1111, any date to come, any code       is accepted
    4917 4845 8989 7107, month 05 of a year to come       is declined

  People {issuer}: mira and noor of support, otto the auditor; POST {issuer}/identities/otto signs for one.
  API {service}  ·  its settings {settings}  ·  logs {logs}/
  Ctrl-C ends everything; the data stays until `make reset`.
"""


def main(arguments: list[str]) -> int:
    """Start, print one address, watch. Exit status 0 after Ctrl-C or SIGTERM, 1 if a part died (DevError says which)."""
    chosen = vars(_options().parse_args(arguments))
    stack = Stack(data=VAR, ports=ports.from_environment(os.environ, chosen), environment=_given())
    for number in _ENDINGS:
        signal.signal(number, _interrupt)
    started = time.monotonic()
    print("Starting PostgreSQL, simulator, issuer, service and worker ...", flush=True)
    try:
        stack.start()
        people.make_known(stack)
        print(f"Ready in {time.monotonic() - started:.1f} s.", flush=True)
        print(_banner(stack), flush=True)
        _watch(stack)
    except KeyboardInterrupt:
        print("\nEnding ...", file=sys.stderr, flush=True)
    finally:
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)  # once is enough; impatience must not cut the ending short
        stack.stop()
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev run", description="Start everything on loopback.")
    for item in fields(Ports):
        name = ports.setting(item.name, "PORT")
        parser.add_argument(f"--{item.name}-port", dest=item.name, type=int, help=f"{ports.WHO[item.name]}; as {name}")
    return parser


def _given() -> dict[str, str]:
    """The settings of our own environment that may steer the stack; DATABASE_URL is an alias."""
    given = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PANLESS_", "SIMULATOR_")) and name not in _OWN
    }
    for name in (
        "PANLESS_BIND",
        "PANLESS_METRICS_BIND",
        "PANLESS_WORKER_METRICS_BIND",
        "SIMULATOR_PORT",
        "SIMULATOR_FIELDS_PORT",
        "SIMULATOR_SHOP_PORT",
        "SIMULATOR_ISSUER_PORT",
    ):
        given.pop(name, None)  # read into the ports
    if os.environ.get("DATABASE_URL"):
        given.setdefault("PANLESS_DATABASE_URL", os.environ["DATABASE_URL"])
    return given


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _banner(stack: Stack) -> str:
    return _BANNER.format(
        shop=stack.shop_url,
        issuer=stack.issuer_url,
        service=stack.service_url,
        settings=stack.settings_file.relative_to(ROOT),
        logs=stack.log_folder.relative_to(ROOT),
    )


def _watch(stack: Stack) -> None:
    """Until a signal interrupts us, or a part dies (DevError)."""
    quiet = threading.Event()
    while not quiet.wait(0.5):
        stack.check()
