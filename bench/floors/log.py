"""The floor of logging: the standard library with a small JSON formatter, and no protection of anything. `python -m bench.floors.log`."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from bench import child
from bench.works.log import FIELDS


class Formatter(logging.Formatter):
    """The record's fields as one JSON line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {"time": moment, "level": record.levelname.lower(), "event": record.getMessage(), **record.fields}
        )


def main() -> None:
    """Answer what is asked."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(Formatter())
        log = logging.getLogger("floor")
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        log.propagate = False
        child.serve({"log line": lambda: log.info("request.answered", extra={"fields": FIELDS})})


if __name__ == "__main__":
    main()
