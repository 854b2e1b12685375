"""The line that each request leaves, with all its protection, into a null device. `python -m bench.works.log`."""

from __future__ import annotations

import os
from pathlib import Path

from bench import child
from service.telemetry import answers, logs

#: The fields of a usual line; eleven with its time, level and event.
FIELDS = {
    "door": "checkout",
    "method": "POST",
    "route": "/v1/checkout-sessions",
    "status": 201,
    "ms": 812.4,
    "request_id": "req_bdfhjkmnpqrstvwxzbcdfghjkm",
    "actor": "key:key_bdfhjkmnpqrstvwxzbcdfghjkm",
    "code": "idempotency_key_reused",
}


def main() -> None:
    """Answer what is asked."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        logs.set_up(stream=nowhere)
        child.serve({"log line": lambda: answers.log.info("request.answered", **FIELDS)})


if __name__ == "__main__":
    main()
