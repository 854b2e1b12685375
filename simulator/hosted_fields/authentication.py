"""The calls of 3-D Secure that the frames of this origin make (bluesnap/hosted-fields.md section 5). No card goes through them, and no page can make them itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator import three_d_secure
from simulator.answers import Refused, to_response, unauthorized
from simulator.entities import Authentication
from simulator.protocol.calls import read_body

if TYPE_CHECKING:
    from simulator.world import World


def authentication_blueprint(world: World) -> Blueprint:
    """`POST /web-sdk/5/three-d-secure/{token}/check`, `.../run` and `.../answer`, with header Token-Authentication.

    `check` takes `amount` and `currency` and answers `{}`; `run` takes them for a filled token and answers
    `{"challenge": true}` or `{"authResult", "threeDSecureReferenceId"}`, as `answer` does for `{"passed": true}`.
    400 with code 14100 to 14103 or one of the token's.
    """
    blueprint = Blueprint("three_d_secure", __name__, url_prefix="/web-sdk/5/three-d-secure")

    def check(_token: str, sent: dict[str, Any]) -> Response:
        three_d_secure.check(world, sent)
        return jsonify({})

    def run(token: str, sent: dict[str, Any]) -> Response:
        return _told(three_d_secure.begin(world, token, sent))

    def answer(token: str, sent: dict[str, Any]) -> Response:
        return _told(three_d_secure.finish(world, token, passed=sent.get("passed") is True))

    for name, act in (("check", check), ("run", run), ("answer", answer)):
        blueprint.add_url_rule(f"/<token>/{name}", name, _called(world, act), methods=["POST"])
    return blueprint


def _called(world: World, act: Callable[[str, dict[str, Any]], Response]) -> Callable[[str], Response]:
    def call(token: str) -> Response:
        if request.headers.get("Token-Authentication") != token:
            return to_response(unauthorized(world.behaviour.unauthorized_body))
        try:
            sent = read_body(request.get_data())
            with world.lock:
                return act(token, sent)
        except Refused as refused:
            return to_response(refused.answer)

    return call


def _told(run: Authentication) -> Response:
    if not run.result:
        return jsonify(challenge=True)
    return jsonify(authResult=run.result, threeDSecureReferenceId=run.reference)
