"""Who the visitor is: an account id that the shop makes once per browser and keeps in a cookie. It must carry no personal data."""

from __future__ import annotations

import re
import secrets

from flask import Response, current_app, g, request

COOKIE = "lantern_account"
ONE_YEAR_SECONDS = 365 * 24 * 3600
_LETTERS = "bcdfghjklmnpqrstvwxz"
_FORM = re.compile(rf"acct-[{_LETTERS}]{{20}}")


def current() -> str:
    """The account of this browser; a cookie that is absent, or not one of ours, gives a new one."""
    if "account" not in g:
        found = request.cookies.get(COOKIE, "")
        g.account = found if _FORM.fullmatch(found) else _new()
    account: str = g.account
    return account


def start_over() -> None:
    """From now on this browser is another customer. The old account stays with Panless, and its plan goes on."""
    g.account = _new()


def remember(answer: Response) -> Response:
    """Sets the cookie where it has to change; the page's scripts cannot read it, other sites cannot send it along."""
    if "account" in g and request.cookies.get(COOKIE) != g.account:
        secure = current_app.config["SHOP_ORIGIN"].startswith("https://")
        answer.set_cookie(COOKIE, g.account, max_age=ONE_YEAR_SECONDS, httponly=True, samesite="Lax", secure=secure)
    return answer


def _new() -> str:
    return "acct-" + "".join(secrets.choice(_LETTERS) for _ in range(20))
