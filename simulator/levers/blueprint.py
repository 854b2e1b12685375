"""Levers over the world: reset, clock, fail, behaviour, fill, and the readings. Every one answers 200 with what it did, or 400 with why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator import lifecycle, three_d_secure, timetravel
from simulator.answers import Refused
from simulator.cards import NAMED, CardRefused
from simulator.clock import Span, read_rfc3339, rfc3339
from simulator.entities import Token
from simulator.faults import read_order
from simulator.levers.cards import add_card_levers
from simulator.levers.notices import add_notice_levers
from simulator.levers.portal import add_portal_levers
from simulator.levers.reading import BadLever, body, only, whole
from simulator.levers.secrets import add_secrets_lever
from simulator.levers.seeding import add_seed_lever
from simulator.settings import SettingsRefused
from simulator.tokens import fill

if TYPE_CHECKING:
    from simulator.world import World

# Beyond it the ids' and the calendar's arithmetic would say little.
_LAST_YEAR = 2200
# A thousand customers to seed take more room than any call of the API.
_LARGEST_BODY = 4_000_000


def levers_blueprint(world: World) -> Blueprint:
    """All levers, under /_levers."""
    blueprint = Blueprint("levers", __name__, url_prefix="/_levers")
    _add_overview(blueprint, world)
    _add_clock(blueprint, world)
    _add_orders(blueprint, world)
    _add_fill(blueprint, world)
    _add_readings(blueprint, world)
    add_notice_levers(blueprint, world)
    add_card_levers(blueprint, world)
    add_portal_levers(blueprint, world)
    add_seed_lever(blueprint, world)
    add_secrets_lever(blueprint, world)

    @blueprint.before_request
    def allow_more() -> None:
        request.max_content_length = _LARGEST_BODY

    @blueprint.errorhandler(BadLever)
    @blueprint.errorhandler(SettingsRefused)
    def bad(error: ValueError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    return blueprint


def _add_overview(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/", strict_slashes=False)
    def overview() -> Response:
        with world.lock:
            kept = {
                name: {"kept": len(things), "dropped": things.dropped, "limit": things.limit}
                for name, things in (
                    ("tokens", world.tokens),
                    ("shoppers", world.shoppers),
                    ("subscriptions", world.subscriptions),
                    ("charges", world.charges),
                )
            }
            now = rfc3339(world.clock.now())
            return jsonify(simulator="bluesnap", seed=world.seed, now=now, kept=kept, faults=world.faults.waiting())

    @blueprint.post("/reset")
    def reset() -> Response:
        sent = body()
        only(sent, {"seed"})
        seed = whole(sent, "seed", world.seed, (0, 2**63))
        world.reset(seed)
        return jsonify(reset=True, seed=world.seed, now=rfc3339(world.clock.now()))


def _add_clock(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/clock")
    def read_clock() -> Response:
        return jsonify(now=rfc3339(world.clock.now()))

    @blueprint.post("/clock")
    def move_clock() -> Response:
        sent = body()
        only(sent, {"advance", "set"})
        if len(sent) != 1 or not all(isinstance(value, str) for value in sent.values()):
            raise BadLever('send either {"advance": "P1M"} or {"set": "2027-01-31T12:00:00Z"}')
        with world.moving:
            try:
                target = (
                    Span.parse(sent["advance"]).after(world.clock.now(), world.behaviour.billing_zone)
                    if "advance" in sent
                    else read_rfc3339(sent["set"])
                )
            except (ValueError, OverflowError):
                raise BadLever("advance is an ISO 8601 duration, set an RFC 3339 time with an offset") from None
            if not 2000 <= target.year <= _LAST_YEAR:
                raise BadLever(f"the clock goes from 2000 to {_LAST_YEAR}")
            happened = timetravel.move(world, target)
            return jsonify(now=rfc3339(world.clock.now()), fell_due=happened)


def _add_orders(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/fail")
    def fail() -> Response:
        try:
            call, fault, times = read_order(body())
        except ValueError as error:
            raise BadLever(str(error)) from None
        with world.lock:
            world.faults.order(call, fault, times)
            waiting = world.faults.waiting()
        return jsonify(call=call, mode=fault.mode, times=times, processed=fault.processed, waiting=waiting)

    @blueprint.post("/behaviour")
    def behave() -> Response:
        try:
            with world.lock:
                world.behaviour.change(body())
                lifecycle.schedule_all(world)  # zone, time of day and reminders decide when things fall due
                return jsonify(world.behaviour.as_json())
        except BadLever:
            raise
        except ValueError as error:
            raise BadLever(str(error)) from None


def _add_fill(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/fill")
    def fill_token() -> Response:
        sent = body()
        only(sent, {"token", "card", "three_d_secure"})
        if str(sent.get("card")) not in NAMED:
            raise BadLever(f"card must be one of: {', '.join(sorted(NAMED))}")
        digits, month = NAMED[str(sent["card"])]
        year = world.clock.now().year + 3
        parts = {
            "ccNumber": digits,
            "expDate": f"{month:02d}/{year}",
            "cvv": "1234" if sent["card"] == "amex" else "123",
        }
        reference = None
        try:
            with world.lock:
                token = fill(world, str(sent.get("token")), parts)
                if "three_d_secure" in sent:
                    reference = _authenticate(world, token, sent["three_d_secure"])
        except CardRefused as refused:
            raise BadLever(f"the token cannot be filled: {refused.name}") from None
        except Refused as refused:
            name = refused.answer.body["message"][0]["errorName"]
            raise BadLever(f"the token cannot be filled: {name}") from None
        told = {"filled": token.filled, "card": sent["card"]}
        return jsonify(told if reference is None else told | {"three_d_secure_reference": reference})


def _authenticate(world: World, token: Token, outcome: object) -> str:
    """A run of 3-D Secure as in the page, challenged and then passed or failed; its reference."""
    if outcome not in ("pass", "fail"):
        raise BadLever("three_d_secure must be one of: fail, pass")
    run = three_d_secure.begin(world, token.text, {"amount": 1, "currency": "USD"})
    run.result = three_d_secure.SUCCEEDED if outcome == "pass" else three_d_secure.FAILED
    return run.reference


def _add_readings(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/ledger")
    def ledger() -> Response:
        since = request.args.get("since", "0")
        if not since.isdecimal() or len(since) > 12:
            raise BadLever("since must be the number of an entry")
        with world.lock:
            return jsonify(world.ledger.as_json(int(since)))

    @blueprint.get("/behaviour")
    def behaviour() -> Response:
        with world.lock:
            return jsonify(world.behaviour.as_json())

    @blueprint.get("/received")
    def received() -> Response:
        with world.lock:
            requests: list[dict[str, Any]] = list(world.received)
            return jsonify(requests=requests, dropped=world.received_count - len(requests))
