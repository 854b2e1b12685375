"""Every column that is a number gets one that it cannot hold, as our own code would bind it, through the service's own engine; told by its own log."""

from __future__ import annotations

import json
import sys

import structlog
from sqlalchemy import Integer, Numeric, insert, select
from sqlalchemy.exc import SQLAlchemyError

from service.store import database
from service.store.models import METADATA
from service.telemetry import logs

told = json.load(sys.stdin)
logs.set_up()
log = structlog.get_logger()
engine = database.connect(told["database"], pool_size=1)
for table in METADATA.sorted_tables:
    for column in table.columns:
        if not isinstance(column.type, Integer | Numeric):
            continue
        value = int(told["word"])
        for statement in (insert(table).values({column.name: value}), select(table).where(column == value)):
            try:
                with engine.begin() as connection:
                    connection.execute(statement)
                sys.stdout.write(json.dumps({"event": "asked"}) + "\n")
            except SQLAlchemyError:
                log.exception("request.failed")
