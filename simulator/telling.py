"""Which notices the account gets: what happened is told if its type is switched on, and to the address that is configured. It must never write a form itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import noticeforms, notices
from simulator.noticeforms import Subject
from simulator.notices import Form

if TYPE_CHECKING:
    from simulator.world import World


def tell(world: World, kind: str, form: Form) -> None:
    """Post a notice of that type, unless the account has not switched it on. Call it under the world's lock."""
    if kind in world.behaviour.notice_types:
        world.outbox.post(notices.from_form(world, [("transactionType", kind), *form]))


def tell_of(world: World, kind: str, subject: Subject, more: Form | None = None) -> None:
    """The notice of a payment or of a subscription; the form is written only when it will be sent."""
    if kind in world.behaviour.notice_types:
        tell(world, kind, noticeforms.written(world, kind, subject, more or []))
