"""Limits against card testing: thieves who try stolen numbers on a signup page (DESIGN section 6). All counted in PostgreSQL, all settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from service.billing.tools import Tools
from service.errors import Code, Refusal
from service.store import accounts, signups
from service.store.keyring import Keyring
from service.telemetry import metrics

ADDRESS_WINDOW = timedelta(minutes=10)
ACCOUNT_WINDOW = timedelta(hours=24)
BREAKER_WINDOW = timedelta(minutes=5)
#: A prefix is one household or office: what a thief changes cheaply lies behind it.
PREFIX = {4: 24, 6: 56}


def address_digests(keyring: Keyring, address: str | None) -> list[bytes]:
    """Keyed digests of the address' prefix, by the newest key first; the address itself is not kept. None where none is known."""
    if address is None:
        return []
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):  # as sockets of both kinds write an IPv4 address
        parsed = parsed.ipv4_mapped or parsed
    network = ipaddress.ip_network((parsed, PREFIX[parsed.version]), strict=False)
    return keyring.fingerprints(b"address|" + str(network).encode())


def _refuse(limit: str, wait: timedelta) -> Refusal:
    metrics.LIMITS_HIT.labels(limit=limit).inc()
    return Refusal(Code.TOO_MANY_ATTEMPTS, retry_after=int(wait.total_seconds()))


def check_new_session(connection: Connection, tools: Tools, addresses: Sequence[bytes], now: datetime) -> None:
    """Refuse a session too many from one address prefix, where an address is known."""
    if not addresses:
        return
    if accounts.sessions_of_address(connection, addresses, now - ADDRESS_WINDOW) >= tools.settings.sessions_per_address:
        raise _refuse("sessions_per_address", ADDRESS_WINDOW)


def check_attempt(
    connection: Connection,
    tools: Tools,
    account: str,
    *,
    session_id: str | None,
    addresses: Sequence[bytes],
    now: datetime,
) -> None:
    """Refuse a card attempt too many of a session, of an account, or while declines pile up. Call with the account locked.

    An attempt with the stored card has no session, and counts for its account.
    """
    settings = tools.settings
    if session_id is not None and signups.tried(connection, session_id=session_id) >= settings.attempts_per_session:
        raise _refuse("attempts_per_session", ACCOUNT_WINDOW)
    if signups.tried(connection, account=account, since=now - ACCOUNT_WINDOW) >= settings.attempts_per_account:
        raise _refuse("attempts_per_account", ACCOUNT_WINDOW)
    if addresses and _broken(
        connection, tools, now, addresses=addresses, minimum=max(3, settings.breaker_minimum // 4)
    ):
        raise _refuse("breaker_address", BREAKER_WINDOW)
    if _broken(connection, tools, now, addresses=(), minimum=settings.breaker_minimum):
        raise _refuse("breaker_global", BREAKER_WINDOW)


def _broken(connection: Connection, tools: Tools, now: datetime, *, addresses: Sequence[bytes], minimum: int) -> bool:
    seen = signups.decided(connection, now - BREAKER_WINDOW, addresses)
    return seen.decided >= minimum and seen.declined * 100 >= tools.settings.breaker_percent * seen.decided
