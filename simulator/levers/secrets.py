"""What a merchant changes in BlueSnap's console: which API credentials are taken, and the key that signs notices. It must never repeat a password or a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from simulator.levers.reading import BadLever, body, only

if TYPE_CHECKING:
    from simulator.world import World

#: bluesnap/api.md section 2: an account has primary and secondary credentials.
_MOST = 2


def add_secrets_lever(blueprint: Blueprint, world: World) -> None:
    """`POST /_levers/secrets`."""

    @blueprint.post("/secrets")
    def change_secrets() -> Response:
        sent = body()
        only(sent, {"accept", "webhook_key"})
        accepted = _pairs(sent["accept"]) if "accept" in sent else None
        key = _text(sent["webhook_key"], "webhook_key") if "webhook_key" in sent else None
        with world.lock:
            world.accepted = world.accepted if accepted is None else accepted
            world.webhook_key = world.webhook_key if key is None else key
            return jsonify(accepted=[user for user, _ in world.accepted], webhook_key_changed=key is not None)


def _pairs(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(one, dict) for one in value):
        raise BadLever(f'accept must be a list of at most {_MOST}: {{"user": "...", "password": "..."}}')
    for one in value:
        only(one, {"user", "password"})
    return [(_text(one.get("user"), "user"), _text(one.get("password"), "password")) for one in value]


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 128:
        raise BadLever(f"{name} must be a text of 1 to 128 characters")
    return value
