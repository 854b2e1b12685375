"""`python -m bench NAME…` is `python -m dev bench NAME…`: from any Python, inside `.venv`."""

from __future__ import annotations

import sys

from dev import cli

sys.exit(cli.main(["bench", *sys.argv[1:]]))
