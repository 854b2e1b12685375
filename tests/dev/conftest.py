"""Stand-ins for the service and the simulator, small and quick, so that the stack's own conduct is tested and not theirs."""

from __future__ import annotations

import pytest

SERVICE = """
import http.server, json, os, sys, threading, time
from pathlib import Path

def serve(address, answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answer(self)); self.end_headers(); self.wfile.write(b"stand-in")
        def log_message(self, *arguments): pass
    host, _, port = address.rpartition(":")
    http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()

def service(handler):
    if handler.path.startswith("/v1/"):
        return 200 if handler.headers["Authorization"] == "Bearer " + os.environ.get("PANLESS_STANDIN_KEY", "key-1") else 401
    return 200

def main():
    command = sys.argv[1]
    if os.environ.get("PANLESS_STANDIN_DIES") == command:
        sys.exit("the last words of " + command)
    if command == "people":
        print("[]")
    if command == "keys":
        print(os.environ.get("PANLESS_STANDIN_KEY", "key-1"))
    if command == "work":
        time.sleep(600)
    if command == "serve":
        threading.Thread(target=serve, args=(os.environ["PANLESS_METRICS_BIND"], lambda handler: 200), daemon=True).start()
        serve(os.environ["PANLESS_BIND"], service)

main()
"""

SIMULATOR = """
import http.server, os, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(open(os.environ["SIMULATOR_SHOP_API_KEY_FILE"], "rb").read() if self.path == "/key" else b"")
    def log_message(self, *arguments): pass

ports = [int(os.environ[name]) for name in ("SIMULATOR_PORT", "SIMULATOR_FIELDS_PORT", "SIMULATOR_SHOP_PORT")]
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) for port in ports]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
"""

ISSUER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments): pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SIMULATOR_ISSUER_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def standin_project(tmp_path):
    """A folder with both packages."""
    root = tmp_path / "project"
    for name, text in (("service", SERVICE), ("simulator", SIMULATOR)):
        (root / name).mkdir(parents=True)
        (root / name / "__main__.py").write_text(text)
    (root / "simulator" / "issuer.py").write_text(ISSUER)
    return root
