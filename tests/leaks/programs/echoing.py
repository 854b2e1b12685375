"""The service's own engine, told to echo every statement with its rows, over our own log; one statement is answered, one refused."""

from __future__ import annotations

import contextlib
import json
import logging
import sys

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from service.store import database
from service.store.models import METADATA
from service.telemetry import logs

told = json.load(sys.stdin)
logs.set_up()
logging.getLogger().setLevel(logging.DEBUG)
engine = database.connect(told["database"], pool_size=1)
engine.echo = "debug"
with engine.connect() as connection:
    connection.execute(
        sqlalchemy.text("SELECT count(*) FROM accounts WHERE account = :word"), {"word": told["word"]}
    ).all()
with contextlib.suppress(DBAPIError), engine.begin() as connection:
    connection.execute(sqlalchemy.insert(METADATA.tables["accounts"]).values(account=told["word"]))
sys.stdout.write("done\n")
