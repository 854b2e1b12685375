"""Answers a browser's requests out of Flask apps in this process: real pages, headers and policies without a port."""

from __future__ import annotations

from urllib.parse import urlsplit

_NOT_OURS = {"content-length", "connection"}


def serve(context, origin, app):
    """From now on `origin` is `app`; returns the list of requests it gets, as (method, path, body)."""
    seen = []

    def answer(route):
        request = route.request
        parts = urlsplit(request.url)
        body = request.post_data_buffer or b""
        seen.append((request.method, parts.path, body.decode()))
        with app.test_client(use_cookies=False) as client:
            path = f"{parts.path}?{parts.query}"
            made = client.open(
                path, base_url=origin, method=request.method, headers=request.headers, data=body, buffered=True
            )
            sent = {name: text for name, text in made.headers.items() if name.lower() not in _NOT_OURS}
            route.fulfill(status=made.status_code, headers=sent, body=made.get_data())

    context.route(f"{origin}/**", answer)
    return seen
