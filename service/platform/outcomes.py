"""How an attempt to tell the platform ended, in our own words. Must never hold anything that the platform said but its status."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Cause(enum.StrEnum):
    """Every reason why an event was not delivered. Kept, logged and counted."""

    NO_SUCH_HOST = "no_such_host"
    ADDRESS_NOT_PUBLIC = "address_not_public"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMED_OUT = "connect_timed_out"
    TLS_FAILED = "tls_failed"
    CERTIFICATE_REFUSED = "certificate_refused"
    TIMED_OUT = "timed_out"
    CONNECTION_BROKEN = "connection_broken"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"


@dataclass(frozen=True)
class Outcome:
    """`status` is that of HTTP, where there was an answer; without a `cause` the event is delivered."""

    status: int | None
    cause: Cause | None

    @property
    def delivered(self) -> bool:
        """Whether the platform has it."""
        return self.cause is None


class FailedError(Exception):
    """No answer came. Raised `from None`: the exceptions of libraries hold addresses and texts of the peer."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


def of_status(status: int) -> Outcome:
    """Any 2xx is delivered (Standard Webhooks, "Webhook Status Codes"); a redirect is not followed."""
    by_class = {2: None, 3: Cause.REDIRECTED, 4: Cause.REFUSED, 5: Cause.SERVER_ERROR}
    return Outcome(status, by_class.get(status // 100, Cause.UNEXPECTED_STATUS))
