"""`python -m service`, which trusts one authority more than any system does: its file is the first argument, the command's are the others."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import requests.utils

sys.path[0] = str(Path(__file__).resolve().parents[1])
requests.utils.DEFAULT_CA_BUNDLE_PATH = sys.argv.pop(1)
runpy.run_module("service", run_name="__main__", alter_sys=True)
