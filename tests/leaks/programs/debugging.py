"""The root logger at DEBUG, and every library made as loud as it can be; then what a purchase asks of BlueSnap and is refused, an event, and a query."""

from __future__ import annotations

import http.client
import json
import logging
import sys
import warnings
from datetime import UTC, datetime

import sqlalchemy

from service.bluesnap.client import BlueSnapClient, Timeouts
from service.bluesnap.payloads import Payer
from service.errors import BlueSnapError
from service.platform.client import PlatformClient
from service.store import database
from service.telemetry import logs

told = json.load(sys.stdin)
word = told["word"]
logs.set_up()
logging.getLogger().setLevel(logging.DEBUG)
for name in (
    "urllib3",
    "urllib3.connectionpool",
    "requests",
    "sqlalchemy.engine",
    "psycopg",
    "procrastinate",
    "asyncio",
):
    logging.getLogger(name).setLevel(logging.DEBUG)
http.client.HTTPConnection.debuglevel = http.client.HTTPSConnection.debuglevel = 9

client = BlueSnapClient(
    base_url=told["url"], user="API_1000000001", password="simulator-password-1", timeouts=Timeouts()
)  # fmt: skip
for act in (
    lambda: client.find_shopper(word),
    lambda: client.create_shopper(
        payment_fields_token=word,
        merchant_shopper_id="su_leaks",
        payer=Payer(word, told["said"], "US"),
        three_d_secure_reference=None,
        fraud_session_id=None,
        idempotency_key="11111111-1111-4111-8111-111111111111",
    ),
    client.create_payment_fields_token,
):
    try:
        act()
    except BlueSnapError:
        logging.getLogger("leaks").exception("%s", word)
platform = PlatformClient(told["events"], [b"leaks-" * 4], seconds=5, loopback=True)
platform.tell(f"evt_{'b' * 30}", json.dumps({"card": word}).encode(), moment=datetime.now(UTC))
engine = database.connect(told["database"], pool_size=1)
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT :word AS one"), {"word": word}).all()
logging.getLogger().debug("%s %s", word, told["said"])
logging.getLogger(word).warning(word)
logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers (url=%s): %s", word, word)
warnings.warn(word, stacklevel=1)
sys.stdout.write("done\n")
