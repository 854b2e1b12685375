"""Levers over notices: how they leave, sending one again, right or forged. None can make the simulator call anything but loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator import notices
from simulator.deliveries import ATTEMPTS, LIMIT, MODES, Forgery
from simulator.levers.reading import BadLever, body, number, only, whole

if TYPE_CHECKING:
    from simulator.world import World

_TAMPERS = ("unsigned", "signature", "body")
_DAY = 86_400


def add_notice_levers(blueprint: Blueprint, world: World) -> None:
    """`GET` and `POST /_levers/notices`."""

    @blueprint.get("/notices")
    def listing() -> Response:
        only(request.args, {"type", "last"})
        last = request.args.get("last", str(LIMIT))
        if not last.isdecimal() or not 1 <= int(last) <= LIMIT:
            raise BadLever(f"last must be a number from 1 to {LIMIT}")
        return jsonify(world.outbox.as_json(request.args.get("type", ""), int(last)))

    @blueprint.post("/notices")
    def pull() -> Response:
        sent = body()
        if not {"mode", "resend", "compose", "url"} & set(sent):
            raise BadLever("send one of: mode, resend, compose, url")
        done: dict[str, Any] = {}
        if "url" in sent:
            world.outbox.set_url(str(sent["url"]))
            done["url"] = world.outbox.url
        for name, act in (("mode", _set_mode), ("resend", _resend), ("compose", _compose)):
            if name in sent:
                done |= act(world, {key: value for key, value in sent.items() if key != "url"})
        return jsonify(done)


def _set_mode(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"mode", "times", "seconds"})
    if sent["mode"] not in MODES:
        raise BadLever(f"mode must be one of: {', '.join(MODES)}")
    times = whole(sent, "times", 2, (2, ATTEMPTS))
    seconds = number(sent, "seconds", 1.0, (0, 60))
    with world.lock:
        released = world.outbox.set_mode(sent["mode"], times, seconds)
    return {"mode": sent["mode"], "released": released}


def _resend(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"resend", "times", "type", "tamper", "signed_with", "shift_seconds"})
    if sent.get("tamper") not in (None, *_TAMPERS):
        raise BadLever(f"tamper must be one of: {', '.join(_TAMPERS)}")
    if not isinstance(sent["resend"], str | int) or not isinstance(sent.get("signed_with", ""), str):
        raise BadLever("resend is a notice's reference or id, signed_with a key")
    if not isinstance(sent.get("type", ""), str):
        raise BadLever("type is a notice's transactionType")
    forgery = Forgery(
        tamper=sent.get("tamper") or "",
        signed_with=sent.get("signed_with", ""),
        shift_seconds=number(sent, "shift_seconds", 0.0, (-400 * _DAY, 400 * _DAY)),
    )
    times = whole(sent, "times", 1, (1, ATTEMPTS))
    queued = world.outbox.resend(str(sent["resend"]), times, forgery, kind=sent.get("type", ""))
    if not queued:
        raise BadLever("no notice has that reference or id")
    return {"queued": queued}


def _compose(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"compose"})
    form = sent["compose"]
    if not isinstance(form, dict) or not all(isinstance(value, str) for value in form.values()):
        raise BadLever("compose takes an object of texts: the notice's parameters")
    with world.lock:
        notice = notices.from_form(world, list(form.items()))
        world.outbox.post(notice)
    return {"id": notice.ipn_id, "state": notice.state}
