"""The shop's pages for buying, and what guards all of its pages. It must never show the API key, and never take anything of a card: there is no route for it."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, jsonify, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from simulator.settings import ShopSettings

from . import account, asked, catalogue
from .panless_api import PanlessApi
from .plan import plan_blueprint
from .sentences import ShopProblem


def create_app(settings: ShopSettings) -> Flask:
    """The app of the shop's origin (`settings.origin`). Panless must list that origin in PANLESS_CORS_ORIGINS."""
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=4096, SHOP_ORIGIN=settings.origin, SEND_FILE_MAX_AGE_DEFAULT=0)
    _pages(app, settings)
    panless = PanlessApi(settings.panless_url, settings.api_key)
    _calls(app, panless)
    app.register_blueprint(plan_blueprint(settings, panless))
    _guards(app, settings)
    return app


def _pages(app: Flask, settings: ShopSettings) -> None:
    @app.get("/")
    def _pricing() -> str:
        return render_template(
            "pricing.html", plans=catalogue.PLANS, members=catalogue.DEFAULT_MEMBERS, max_members=catalogue.MAX_MEMBERS
        )

    @app.get("/checkout")
    def _checkout() -> str:
        plan, members = asked.plan(request.args.get("plan")), asked.members(request.args.get("members"))
        account.current()
        return render_template(
            "checkout.html",
            plan=catalogue.PAID[plan],
            members=members,
            panless_url=settings.panless_url,
            countries=catalogue.COUNTRIES,
            states=catalogue.STATES,
            test_cards=catalogue.TEST_CARDS,
        )

    @app.get("/welcome")
    def _welcome() -> str:
        account.current()
        return render_template("welcome.html", names=catalogue.NAMES)

    @app.post("/start-over")
    def _start_over() -> AnyResponse:
        account.start_over()
        return redirect("/", code=303)


def _calls(app: Flask, panless: PanlessApi) -> None:
    @app.post("/api/checkout")
    def _open() -> Response:
        """A session for the card page: with its client_secret, for this page only, never kept by the shop."""
        body = asked.body()
        order = {"plan": asked.plan(body.get("plan")), "members": asked.members(body.get("members"))}
        return jsonify(panless.open_session(account.current(), order, request.remote_addr))

    @app.get("/api/access")
    def _access() -> Response:
        found = panless.account(account.current())
        subscription = found.get("subscription") or {}
        return jsonify(
            access=found.get("access"), next_charge=subscription.get("next_charge"), account=account.current()
        )

    @app.errorhandler(ShopProblem)
    def _tell(problem: ShopProblem) -> tuple[Response, int]:
        return jsonify(code=problem.code, message=problem.message), problem.status


def _guards(app: Flask, settings: ShopSettings) -> None:
    own_host = urlsplit(settings.origin).netloc
    app.context_processor(lambda: {"nonce": _nonce})

    @app.before_request
    def _own_origin_only() -> AnyResponse | None:
        """One address for the shop, since Panless knows it by its exact origin; and no writing call from other sites."""
        if request.method in {"GET", "HEAD"} and request.host != own_host:
            return redirect(settings.origin + request.full_path.rstrip("?"), code=302)
        if request.method not in {"GET", "HEAD"} and request.headers.get("Origin") != settings.origin:
            abort(403)
        return None

    @app.errorhandler(HTTPException)
    def _sorry(error: HTTPException) -> tuple[Any, int]:
        status = error.code or 500
        if request.path.startswith("/api/"):
            return jsonify(code="refused", message="The shop could not use this request."), status
        return render_template("error.html", status=status), status

    @app.after_request
    def _harden(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = content_policy(settings, _nonce())
        answer.headers["Permissions-Policy"] = "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()"
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return account.remember(answer)


def _nonce() -> str:
    """The one of this answer: in its policy, and in each of its elements that may run a script or set a style."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    found: str = g.nonce
    return found


def content_policy(settings: ShopSettings, nonce: str) -> str:
    """The Content-Security-Policy of every page, as `python -m service page-policy` prints it for the simulator: a test compares the two."""
    parts = urlsplit(settings.script_url)
    fields = f"{parts.scheme}://{parts.netloc}"
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' {fields}; style-src 'nonce-{nonce}'; img-src 'self'; "
        f"connect-src 'self' {settings.panless_url}; frame-src {fields}; form-action 'self'; base-uri 'none'; object-src 'none'; "
        f"frame-ancestors 'none'; report-uri {settings.panless_url}/v1/page-reports"
    )
