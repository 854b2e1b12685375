"""`python -m dev COMMAND`: runs on a bare Python 3.11 or newer, and goes on inside `.venv`. Without a command it lists them."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the point of this line is to be read by an older one
    sys.exit(f"Panless needs Python 3.11 or newer, this is {sys.version.split()[0]}: try `make PYTHON=python3.12 ...`")

from dev.cli import main

sys.exit(main(sys.argv[1:]))
