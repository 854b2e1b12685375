"""`python -m dev stack`: a private, throw-away stack on free ports for programs that try it out. Says where everything is in one JSON line, and ends with its standard input."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dev.stack import Stack


def main(arguments: list[str]) -> int:
    """Start, print the one line, wait for the end of standard input, stop. Raises DevError with the reason if a part does not start."""
    chosen = _options().parse_args(arguments)
    stack = Stack(
        data=chosen.data,
        throwaway=True,
        environment=_pairs(chosen.set),
        service=chosen.service.split(),
        server=_pairs(chosen.server),
    )
    with stack:
        print(json.dumps(describe(stack)), flush=True)
        sys.stdin.read()
    return 0


def describe(stack: Stack) -> dict[str, Any]:
    """Where everything of a running stack is: addresses, files and folders, and the process of each part."""
    server = stack.server
    running = {name: child.pid for name, child in stack.children.items()}
    if server is not None and server.process is not None:
        running["postgres"] = server.process.pid
    return {
        "service": stack.service_url,
        "metrics": [stack.metrics_url, f"http://127.0.0.1:{stack.ports.worker}/metrics"],
        "simulator": stack.simulator_url,
        "fields": stack.fields_url,
        "shop": stack.shop_url,
        "issuer": stack.issuer_url,
        "database_url": stack.database_url,
        "cluster": str(server.cluster.folder) if server is not None else None,
        "postgres_programs": str(server.binaries) if server is not None else None,
        "data": str(stack.settings_file.parent),
        "logs": str(stack.log_folder),
        "settings": str(stack.settings_file),
        "api_key": str(stack.key_file),
        "processes": running,
    }


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev stack", description="A private stack until standard input ends."
    )
    parser.add_argument("--data", type=Path, required=True, help="an empty folder for its files")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of service or simulator"
    )
    parser.add_argument("--server", action="append", default=[], metavar="NAME=VALUE", help="a setting of PostgreSQL")
    parser.add_argument("--service", default="-m service", help="Python's arguments that stand for `-m service`")
    return parser


def _pairs(given: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in given)}
