"""Somebody of the staff in the private copy, for the doors of people: made known as an operator does it, with an identity of the copy's own issuer."""

from __future__ import annotations

import http
from typing import Protocol

from service.cardguard.formats import PERSON_SCOPES
from service.evidence.rest import StandError
from service.evidence.sinks.base import Done
from service.evidence.sinks.calls import call

#: One of the people that the issuer has made up (simulator/issuer).
_NAME = "mira"


class Copy(Protocol):
    """What is needed of the private copy."""

    issuer: str

    def command(self, *arguments: str) -> Done:
        """Run an operator's command."""


def come_in(copy: Copy) -> str:
    """An identity of a person with every scope that people have. Raises StandError if there is none to be had."""
    if copy.command("people", "add", "--subject", _NAME, "--scope", *PERSON_SCOPES).status != 0:
        raise StandError("`python -m service people add` failed")
    status, identity = call(f"{copy.issuer}/identities/{_NAME}", raw=b"")
    if status != http.HTTPStatus.OK:
        raise StandError("the copy's issuer gives no identity")
    return identity.decode("ascii").strip()
