"""Serves web-sdk 5 (bluesnap/hosted-fields.md section 3), its frames, the PUT that ties a card to a payment-fields token, and 3-D Secure.

Must never answer with a header that lets a foreign page read a frame or a card call, and never loads anything from a third party.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, abort, render_template, request, send_from_directory

from simulator.hosted_fields.authentication import authentication_blueprint
from simulator.protocol.fields import fill_blueprint

if TYPE_CHECKING:
    from simulator.world import World

#: Only pages of this machine may embed a frame: it stands in for the list of merchants' sites that BlueSnap does not publish.
FRAME_ANCESTORS = "http://localhost:* http://127.0.0.1:*"
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    f"base-uri 'none'; form-action 'none'; frame-ancestors {FRAME_ANCESTORS}"
)
SCRIPT_POLICY = "default-src 'none'; frame-ancestors 'none'"
ASSETS = frozenset({"frame.js", "cards.js", "frame.css", "challenge.js", "challenge.css"})

#: What each frame asks for, by its data-bluesnap tag.
FIELDS: dict[str, dict[str, str]] = {
    "ccn": {"label": "Card number", "autocomplete": "cc-number"},
    "exp": {"label": "Expiry date, month and year", "autocomplete": "cc-exp"},
    "cvv": {"label": "Security code", "autocomplete": "cc-csc"},
}


def create_app(world: World, *, script_origin: str) -> Flask:
    """The app of the hosted-fields origin. `script_origin` is that origin as browsers see it, e.g. "http://localhost:8091".

    Frames are served for any page of this machine; calls with a card are taken from `script_origin` itself, or from
    clients that send no Origin at all (mobile SDKs, tests).
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 4096

    @app.before_request
    def _only_own_frames_call() -> None:
        if request.method not in {"GET", "HEAD"} and request.headers.get("Origin", script_origin) != script_origin:
            abort(403)

    @app.get("/web-sdk/5/bluesnap.js")
    def _script() -> Response:
        answer = send_from_directory(_static(app), "bluesnap.js", mimetype="text/javascript")
        answer.headers["Content-Security-Policy"] = SCRIPT_POLICY
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    @app.get("/web-sdk/5/frames/<tag>")
    def _frame(tag: str) -> Response:
        if tag not in FIELDS:
            abort(404)
        return _framed(render_template("frame.html", tag=tag, field=FIELDS[tag]))

    @app.get("/web-sdk/5/challenge")
    def _challenge() -> Response:
        return _framed(render_template("challenge.html"))

    @app.get("/web-sdk/5/assets/<name>")
    def _asset(name: str) -> Response:
        if name not in ASSETS:
            abort(404)
        return send_from_directory(
            _static(app), name, mimetype="text/css" if name.endswith(".css") else "text/javascript"
        )

    app.register_blueprint(fill_blueprint(world))
    app.register_blueprint(authentication_blueprint(world))
    app.after_request(_harden)
    return app


def _framed(page: str) -> Response:
    """A page that merchants' pages of this machine may embed."""
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_POLICY
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _static(app: Flask) -> str:
    return f"{app.root_path}/static"


def _harden(answer: Response) -> Response:
    """What every answer of this origin carries, those of the mounted blueprint and of errors too."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    answer.headers.setdefault("Content-Security-Policy", SCRIPT_POLICY)
    answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # send_from_directory offers revalidation; a frame is always the one of this moment
    answer.headers.remove("ETag")
    answer.headers.remove("Last-Modified")
    return answer
