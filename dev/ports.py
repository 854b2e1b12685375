"""The ports of a stack: the fixed ones of `make run`, or free ones for tests. Says plainly which is taken; never takes one away from anybody."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from dev import processes
from dev.errors import DevError

#: Below Linux's ephemeral range (32768 up): no outgoing connection lands on one between our look and our bind.
_FREE_RANGE = range(20000, 30000)


@dataclass(frozen=True)
class Ports:
    """Where the parts of a stack listen on loopback. `fields` and `shop` are reached as `localhost`: other origins than the service's."""

    service: int = 8080
    metrics: int = 8081
    worker: int = 8082
    simulator: int = 8090
    fields: int = 8091
    shop: int = 8070
    issuer: int = 8092


WHO = {
    "service": "the service",
    "metrics": "the service's metrics",
    "worker": "the worker's metrics",
    "simulator": "the simulator",
    "fields": "the hosted fields",
    "shop": "the demo shop",
    "issuer": "the issuer of made-up people",
}
_BY_NAME = {"fields", "shop"}  # opened as `localhost`, which is ::1 as well


def setting(part: str, port: int | str) -> str:
    """The environment variable that moves a part to another port, with a value for it."""
    if part == "service":
        return f"PANLESS_BIND=127.0.0.1:{port}"
    if part == "metrics":
        return f"PANLESS_METRICS_BIND=127.0.0.1:{port}"
    if part == "worker":
        return f"PANLESS_WORKER_METRICS_BIND=127.0.0.1:{port}"
    return f"SIMULATOR_PORT={port}" if part == "simulator" else f"SIMULATOR_{part.upper()}_PORT={port}"


def from_environment(environ: Mapping[str, str], chosen: Mapping[str, int]) -> Ports:
    """The ports of `make run`: an option, else the part's environment variable, else the default. Raises DevError for what is no port."""
    found: dict[str, int] = {}
    for part in (item.name for item in fields(Ports)):
        name = setting(part, "").partition("=")[0]
        text = str(chosen.get(part) or environ.get(name, "").rpartition(":")[2])
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            message = f"{name} holds no port"
            raise DevError(message)
        found[part] = int(text)
    return Ports(**found)


def check(ports: Ports) -> None:
    """Raise DevError, a line for each port that is taken: which, by whom it is needed, and what changes it."""
    lines = [
        f"port {port} is taken, and {WHO[part]} needs it: end what uses it, or set {setting(part, port + 1000)}"
        for part, port in vars(ports).items()
        if _taken(port, both_families=part in _BY_NAME)
    ]
    doubled = [
        f"port {port} is given to two parts"
        for port in set(vars(ports).values())
        if list(vars(ports).values()).count(port) > 1
    ]
    if lines or doubled:
        raise DevError("\n".join(lines + doubled))


def _taken(port: int, *, both_families: bool) -> bool:
    return _busy(socket.AF_INET, "127.0.0.1", port) or (both_families and _busy(socket.AF_INET6, "::1", port))


def _busy(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not count
            probe.bind((address, port))
            probe.listen(1)
    except OSError as refused:
        return refused.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}  # no IPv6 here: nobody can sit there
    return False


@contextlib.contextmanager
def free() -> Iterator[Ports]:
    """Ports that nobody uses, kept from every other stack of this user on this machine until the end."""
    with contextlib.ExitStack() as locks:
        taken = _free_ports(locks)
        yield Ports(**{item.name: next(taken) for item in fields(Ports)})


def _free_ports(locks: contextlib.ExitStack) -> Iterator[int]:
    folder = Path(tempfile.gettempdir()) / f"panless-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        message = f"{folder} is not ours"
        raise DevError(message)
    start = os.getpid() * 7 % len(_FREE_RANGE)  # processes side by side look at different places first
    for port in (*_FREE_RANGE[start:], *_FREE_RANGE[:start]):
        lock = locks.enter_context((folder / str(port)).open("w"))
        if processes.take(lock) and not _taken(port, both_families=True):
            yield port
    message = f"no free port from {_FREE_RANGE.start} to {_FREE_RANGE.stop}"
    raise DevError(message)
