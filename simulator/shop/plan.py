"""The page of the customer's plan and its JSON calls. They act for the account of this browser alone, and never show the API key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from simulator.settings import ShopSettings

from . import account, asked, catalogue
from .panless_api import Answer, PanlessApi
from .sentences import ShopProblem


def plan_blueprint(settings: ShopSettings, panless: PanlessApi) -> Blueprint:
    """`/plan`, and `/api/plan`, `/api/card`, `/api/charges` below it. Changes answer `{confirmed}`: false while BlueSnap has not confirmed."""
    blueprint = Blueprint("plan", __name__)
    _page(blueprint, settings)
    _plan_calls(blueprint, panless)
    _ending_calls(blueprint, panless)
    _card_calls(blueprint, panless)
    _charge_calls(blueprint, panless)
    return blueprint


def _page(blueprint: Blueprint, settings: ShopSettings) -> None:
    @blueprint.get("/plan")
    def _show() -> str:
        account.current()
        return render_template(
            "plan.html",
            panless_url=settings.panless_url,
            names=catalogue.NAMES,
            paid=catalogue.PAID.values(),
            members=catalogue.DEFAULT_MEMBERS,
            max_members=catalogue.MAX_MEMBERS,
            test_cards=catalogue.TEST_CARDS,
        )


def _plan_calls(blueprint: Blueprint, panless: PanlessApi) -> None:
    @blueprint.get("/api/plan")
    def _read() -> Response:
        """`returning`: there is no plan now, but there was one, so there may be a card on file to start again with."""
        found = panless.account(account.current())
        subscription = found.get("subscription")
        returning = subscription is None and panless.has_paid(account.current())
        shown = {"access": found.get("access"), "subscription": subscription, "confirming": found.get("confirming")}
        return jsonify(account=account.current(), returning=returning, **shown)

    @blueprint.get("/api/plan/preview")
    def _preview() -> Response:
        return jsonify(panless.preview(account.current(), asked.change(request.args)))

    @blueprint.patch("/api/plan")
    def _change() -> Response:
        given = asked.body()
        return _done(panless.change(account.current(), asked.change(given), asked.version(given)))


def _ending_calls(blueprint: Blueprint, panless: PanlessApi) -> None:
    @blueprint.post("/api/plan/cancellation")
    def _cancel() -> Response:
        return _done(panless.cancel(account.current(), asked.key()))

    @blueprint.delete("/api/plan/cancellation")
    def _resume() -> Response:
        return _done(panless.resume(account.current()))

    @blueprint.post("/api/plan/reactivation")
    def _reactivate() -> Response:
        return _done(panless.reactivate(account.current(), asked.change(asked.body()), asked.key()))


def _card_calls(blueprint: Blueprint, panless: PanlessApi) -> None:
    @blueprint.get("/api/card")
    def _card() -> Response:
        """The card in use, for this page and this moment: it is kept nowhere."""
        found = panless.card(account.current())
        return jsonify(brand=found.get("brand"), last_four=found.get("last_four"))

    @blueprint.post("/api/card/session")
    def _open() -> Response:
        """A session for another card: with its client_secret, for this page only, never kept by the shop."""
        return jsonify(panless.open_session(account.current(), {"purpose": "replace_card"}, request.remote_addr))


def _charge_calls(blueprint: Blueprint, panless: PanlessApi) -> None:
    @blueprint.get("/api/charges")
    def _charges() -> Response:
        return jsonify(charges=panless.charges(account.current()))

    @blueprint.post("/api/charges/<charge>/refund")
    def _refund(charge: str) -> Response:
        """For the demo only: in a shop that sells, this belongs behind the login of its staff."""
        own: list[dict[str, Any]] = panless.charges(account.current())
        if charge not in {one["id"] for one in own}:
            raise ShopProblem(404, "charge_not_found", "There is no such payment.")
        return _done(panless.refund(charge, asked.key()))


def _done(answer: Answer) -> Response:
    return jsonify(confirmed=answer.confirmed)
