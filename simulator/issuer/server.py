"""The issuer's few addresses. It must never listen beyond loopback, nor answer a page of another origin: it signs for everybody who asks."""

from __future__ import annotations

import http.server
import json
from http import HTTPStatus
from urllib.parse import urlsplit

from simulator.issuer.signing import PEOPLE, Signer
from simulator.settings import SettingsRefused, is_loopback

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Made-up people</title>
<h1>Made-up people</h1>
<p>For a developer's Panless on this machine. Whoever you choose has proved a second factor; the answer is the identity, good for an hour.</p>
{forms}
</html>
"""
_FORM = '<form method="post" action="/identities/{name}"><button>{name}, {work}</button></form>'


class Server(http.server.ThreadingHTTPServer):
    """Listens from the start; `serve_forever` answers. Raises SettingsRefused for what is not loopback, OSError if the port cannot be had."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        if not is_loopback(host):
            raise SettingsRefused("the issuer signs for everybody who asks: its host must be a loopback address")
        super().__init__(("127.0.0.1" if host == "localhost" else host, port), _Handler)
        self.origin = f"http://{host}:{self.server_port}"
        self.signer = Signer(self.origin)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    timeout = 10

    def do_GET(self) -> None:
        """The page, and what verifiers ask for."""
        match urlsplit(self.path).path if self._is_ours() else "":
            case "/":
                forms = "\n".join(_FORM.format(name=name, work=work) for name, work in PEOPLE.items())
                self._answer(HTTPStatus.OK, _PAGE.format(forms=forms), "text/html; charset=utf-8")
            case "/.well-known/openid-configuration":
                self._answer(HTTPStatus.OK, json.dumps(self.server.signer.description()), "application/json")
            case "/keys":
                self._answer(HTTPStatus.OK, json.dumps(self.server.signer.published()), "application/json")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "there is no such page\n")

    def do_POST(self) -> None:
        """Sign for a person, or take a new key."""
        parts = urlsplit(self.path)
        name = parts.path.removeprefix("/identities/")
        if not self._is_ours():
            self._answer(HTTPStatus.FORBIDDEN, "only a page of this origin, or no page at all, may ask\n")
        elif parts.path == "/_levers/rotate":
            self._answer(HTTPStatus.OK, json.dumps({"keys": self.server.signer.rotate()}), "application/json")
        elif parts.path.startswith("/identities/") and name in PEOPLE:
            proved = parts.query != "second_factor=false"
            self._answer(HTTPStatus.OK, self.server.signer.identity(name, second_factor=proved) + "\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, f"there are: {', '.join(PEOPLE)}\n")

    def _is_ours(self) -> bool:
        """Whether this machine is asked by its own name, and by no page of another origin (which a name that leads here could serve)."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin", self.server.origin)
        return is_loopback(urlsplit(f"//{host}").hostname or "") and origin == self.server.origin

    def _answer(self, status: HTTPStatus, text: str, media: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Simulator", "issuer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing: identities are secrets, also made-up ones."""
