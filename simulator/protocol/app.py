"""The Flask app of the protocol and lever face: its routes, its locks, and what every answer carries. The levers have no lock, which is why the app is for loopback only."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from simulator import answers
from simulator.levers import levers_blueprint
from simulator.protocol import (
    charges,
    notification_config,
    plans,
    refunds,
    shopper_changes,
    shoppers,
    subscription_changes,
    subscriptions,
    tokens,
)
from simulator.protocol.auth import refuse_early
from simulator.protocol.calls import Handler, view
from simulator.protocol.fields import fill_blueprint

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from simulator.world import World

BASE = "/services/2"
ROUTES: tuple[tuple[str, str, str, Handler], ...] = (
    ("POST", "/payment-fields-tokens", "create_token", tokens.create),
    ("POST", "/vaulted-shoppers", "create_shopper", shoppers.create),
    ("GET", "/vaulted-shoppers/<shopper_id>", "get_shopper", shoppers.get),
    ("GET", "/vaulted-shoppers/merchant/<merchant_shopper_id>", "find_shopper", shoppers.find),
    ("PUT", "/vaulted-shoppers/<shopper_id>", "update_shopper", shopper_changes.update),
    ("DELETE", "/vaulted-shoppers/<shopper_id>", "delete_shopper", shopper_changes.delete),
    ("POST", "/recurring/plans", "create_plan", plans.create),
    ("GET", "/recurring/plans", "list_plans", plans.list_all),
    ("GET", "/recurring/plans/<plan_id>", "get_plan", plans.get),
    ("PUT", "/recurring/plans/<plan_id>", "update_plan", plans.update),
    ("POST", "/recurring/subscriptions", "create_subscription", subscriptions.create),
    ("GET", "/recurring/subscriptions", "list_subscriptions", subscriptions.list_all),
    ("GET", "/recurring/subscriptions/charges/resolve", "resolve_charge", charges.resolve),
    ("GET", "/recurring/subscriptions/<subscription_id>", "get_subscription", subscriptions.get),
    ("PUT", "/recurring/subscriptions/<subscription_id>", "update_subscription", subscription_changes.update),
    (
        "GET",
        "/recurring/subscriptions/<subscription_id>/switch-charge-amount",
        "preview_switch",
        subscription_changes.preview_switch,
    ),
    ("GET", "/subscriptions/<subscription_id>/run-specific", "run_specific", subscription_changes.run_specific),
    ("GET", "/recurring/subscriptions/<subscription_id>/charges", "list_charges", charges.list_of_subscription),
    (
        "GET",
        "/recurring/subscriptions/<subscription_id>/charges/<charge_id>",
        "get_charge",
        charges.get_of_subscription,
    ),
    ("POST", "/transactions/refund/<transaction_id>", "refund", refunds.create),
    ("PUT", "/transactions/<transaction_id>/refund", "refund_legacy", refunds.create_legacy),
    ("DELETE", "/transactions/pending-refund/<transaction_id>", "call_off_refund", refunds.call_off),
    ("GET", "/transactions/<transaction_id>", "get_transaction", charges.get),
    ("GET", "/notification-config", "get_notification_config", notification_config.get),
    ("PUT", "/notification-config", "update_notification_config", notification_config.update),
    ("DELETE", "/notification-config", "delete_notification_config", notification_config.delete),
)
# No call of the API is larger; what is received is kept whole, so this also bounds memory.
_LARGEST_BODY = 65_536
_FILL = re.compile(rf"{BASE}/payment-fields-tokens/[^/]+")


def create_app(world: World) -> Flask:
    """Protocol face under /services/2, lever face under /_levers."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    for method, path, name, handler in ROUTES:
        app.add_url_rule(
            BASE + path, name, view(world, name, handler), methods=[method], provide_automatic_options=False
        )
    app.register_blueprint(fill_blueprint(world))
    app.register_blueprint(levers_blueprint(world))
    app.before_request(_on_arrival(world))
    app.register_error_handler(HTTPException, _http_error(world))
    app.wsgi_app = _HeaderCasing(app.wsgi_app, world)  # type: ignore[method-assign]  # Flask's documented place for middleware
    return app


def _on_arrival(world: World) -> Callable[[], Response | None]:
    def arrive() -> Response | None:
        if not request.path.startswith(BASE):
            return None
        fills_token = request.method == "PUT" and _FILL.fullmatch(request.path) is not None
        world.remember_request(_whole_request(with_body=not fills_token))
        return None if fills_token else refuse_early(world)

    return arrive


def _whole_request(*, with_body: bool) -> dict[str, Any]:
    """The request as it came; the body of the frames' own call holds a card and is left out."""
    whole: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode("latin-1"),
        "headers": [[name, text] for name, text in request.headers.items()],
        "call": request.endpoint,
    }
    raw = request.get_data()
    try:
        whole["body"] = raw.decode() if with_body else None
    except UnicodeDecodeError:
        whole |= {"body": None, "body_base64": base64.b64encode(raw).decode()}
    return whole


def _http_error(world: World) -> Callable[[HTTPException], Response]:
    """What Flask itself refuses, in BlueSnap's way: nothing is ever 404 under the API's path."""

    def answer(error: HTTPException) -> Response:
        if not request.path.startswith(BASE):
            return Response(f"{error.code} {error.name}\n", error.code, content_type="text/plain")
        if request.path in {BASE, f"{BASE}/"}:
            return answers.to_response(answers.Answer(400, "<xml>Server Error</xml>", answers.XML))
        if error.code == 404:
            return answers.to_response(answers.missing("this resource", form=world.behaviour.missing_body))
        return answers.to_response(
            answers.tomcat(error.code or 500, error.name, error.name, "The request was not applied.")
        )

    return answer


class _HeaderCasing:
    """Marks every answer, and writes header names as one or another server would (bluesnap/variants.md section 2)."""

    def __init__(self, app: WSGIApplication, world: World) -> None:
        self._app = app
        self._world = world
        self._turn = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on."""
        if not environ.get("PATH_INFO", "").startswith(BASE):
            return self._app(environ, _marking(start_response, str))
        wanted = self._world.behaviour.header_case
        if wanted == "mixed":
            self._turn += 1
            wanted = ("title", "lower", "upper")[self._turn % 3]
        case: Callable[[str], str] = {"lower": str.lower, "upper": str.upper}.get(wanted, str)
        return self._app(environ, _marking(start_response, case))


def _marking(start_response: StartResponse, case: Callable[[str], str]) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        marked = [*((case(name), text) for name, text in headers), ("X-Simulator", "bluesnap")]
        return start_response(status, marked, exc_info)

    return start
