"""The account's own notice settings (bluesnap/api.md section 5): where notices go and which. Addresses beyond loopback are refused, which BlueSnap would not do."""

from __future__ import annotations

from typing import Any

from simulator.answers import Answer, Refused, invalid
from simulator.noticetypes import FLAGS
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import boolean, text
from simulator.settings import SettingsRefused
from simulator.world import World


def get(exchange: Exchange) -> Answer:
    """GET /notification-config: one destination with its flags, or none."""
    return Answer(200, _told(exchange.world))


def update(exchange: Exchange) -> Answer:
    """PUT /notification-config: replaces the destination; a flag that is left out is switched off, as public clients warn."""
    world, body = exchange.world, exchange.body
    listed = body.get("ipnDestinations", [])
    if not isinstance(listed, list) or len(listed) > 1 or not all(isinstance(one, dict) for one in listed):
        raise Refused(invalid("ipnDestinations", "The simulator sends to one destination."))
    given: dict[str, Any] = listed[0] if listed else {"ipnUrl": body.get("ipnUrl")}
    flagged = {FLAGS[name] for name in FLAGS if boolean(given, name)}
    receipt = boolean(body, "ensureNotificationReceipt")
    try:
        world.outbox.set_url(text(given, "ipnUrl"))
    except SettingsRefused:
        raise Refused(invalid("ipnUrl", "The address is not valid.")) from None
    if listed:
        unflagged = [kind for kind in world.behaviour.notice_types if kind not in FLAGS.values()]
        world.behaviour.change({"notice_types": sorted(flagged) + unflagged})
    world.receipt_ensured = bool(receipt)
    return Answer(200, _told(world))


def delete(exchange: Exchange) -> Answer:
    """DELETE /notification-config: no notice leaves until an address is set again."""
    exchange.world.outbox.url = ""
    return Answer(204)


def _told(world: World) -> dict[str, Any]:
    flags = {name: kind in world.behaviour.notice_types for name, kind in FLAGS.items()}
    destinations = [{"ipnUrl": world.outbox.url} | flags] if world.outbox.url else []
    return {
        "ipnDestinations": destinations,
        "ensureNotificationReceipt": world.receipt_ensured,
        "receiveAffiliateNotifications": False,
    }
