"""A statement of our driver that runs, with a value that is not to be said, until the server dies under it; says how it ended."""

from __future__ import annotations

import json
import sys

import psycopg

told = json.load(sys.stdin)
with psycopg.connect(told["url"], autocommit=True) as connection:
    sys.stdout.write(f"{connection.info.backend_pid}\n")
    sys.stdout.flush()
    try:
        connection.execute("SELECT pg_sleep(60), %s::text", (told["word"],))
    except psycopg.Error as error:
        sys.stdout.write(f"{type(error).__name__} {error}\n")
