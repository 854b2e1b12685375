"""A merchant's site on loopback, whose every answer a test chooses, and a page on it that is as the inventory asks."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service.config import Environment
from service.page import policy
from service.page.inventory import SCRIPT, Deployment, Profile

PAGE = """<!doctype html><html><head>
<link rel="stylesheet" nonce="{nonce}" href="/shop.css">
<script type="module" nonce="{nonce}" src="/checkout.js"></script>
</head><body><input name="first_name" autocomplete="billing given-name"><div data-bluesnap="ccn"></div></body></html>
"""
MODULE = 'import { pay } from "./panless.js";\npay();\n'


@dataclass
class Answer:
    """`{nonce}` in body and headers is another value each time, unless `nonce` is set."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    nonce: str | None = None


class Site:
    """`answers` maps paths to what is answered there; `asked` are the requests so far, as (path, headers)."""

    def __init__(self, origin):
        self.origin, self.asked = origin, []
        self.deployment = Deployment(Environment.SIMULATOR, origin, "http://127.0.0.1:8080")
        self.report = "http://127.0.0.1:8080/v1/page-reports"
        sent = policy.headers(self.deployment, Profile.PLAIN, self.report)
        self.page = Answer(PAGE, headers=sent)
        self.answers = {
            "/checkout": self.page,
            "/checkout.js": Answer(MODULE),
            "/panless.js": Answer("export const pay = () => {};\n"),
            SCRIPT: Answer("window.bluesnap = {};\n"),
        }

    @property
    def url(self):
        return f"{self.origin}/checkout"

    def policy_with(self, old, new):
        """The page's policy with one part in another's place."""
        sent = self.page.headers[policy.POLICY]
        assert old in sent
        self.page.headers[policy.POLICY] = sent.replace(old, new)

    def body_with(self, more):
        """The page's body with something more in it."""
        self.page.body = self.page.body.replace("</body>", more + "</body>")


@contextlib.contextmanager
def running_site(context=None):
    """A site on a free port; `context` speaks TLS for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.asked.append((self.path, dict(self.headers)))
            answer = site.answers.get(self.path, Answer("nothing", 404))
            nonce = answer.nonce or secrets.token_urlsafe(18)
            body = answer.body.replace("{nonce}", nonce).encode()
            self.send_response(answer.status)
            sent = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))} | answer.headers
            for name, value in sent.items():
                self.send_header(name, value.replace("{nonce}", nonce))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    site = Site(f"{'http' if context is None else 'https'}://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
