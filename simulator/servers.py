"""The three faces in one process: protocol and levers, hosted fields, demo shop. It knows everyone, starts everything and ends everything."""

from __future__ import annotations

from simulator import hosted_fields, shop
from simulator.protocol.app import create_app
from simulator.settings import Settings, ShopSettings
from simulator.timetravel import Ticker
from simulator.wire import Face
from simulator.world import World

SCRIPT_PATH = "/web-sdk/5/bluesnap.js"


class Simulator:
    """A running simulator. Building it opens the ports (raises wire.CannotListen), `start` answers, `stop` ends it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.world = World(settings)
        self._ticker = Ticker(self.world)
        self._faces: list[Face] = []
        try:
            self.protocol = self._open("protocol", settings.host, settings.port)
            self.fields = self._open("fields", settings.fields_host, settings.fields_port) if settings.fields else None
            wants_shop = settings.shop and bool(settings.shop_api_key)
            self.shop = self._open("shop", settings.shop_host, settings.shop_port) if wants_shop else None
        except OSError:
            self.stop()
            raise

    def _open(self, name: str, host: str, port: int) -> Face:
        face = Face(name, host, port)
        self._faces.append(face)
        return face

    def start(self) -> None:
        """Answer on every port, send notices, and let time pass."""
        self.protocol.serve(create_app(self.world))
        if self.fields is not None:
            self.fields.serve(hosted_fields.create_app(self.world, script_origin=self.fields.origin))
        if self.shop is not None:
            self.shop.serve(shop.create_app(self._shop_settings(self.shop)))
        self.world.outbox.start()
        self._ticker.start()

    def _shop_settings(self, face: Face) -> ShopSettings:
        origin = self.fields.origin if self.fields is not None else "http://localhost:8091"
        return ShopSettings(
            panless_url=self._settings.shop_panless_url.rstrip("/"),
            api_key=self._settings.shop_api_key,
            script_url=f"{origin}{SCRIPT_PATH}",
            origin=face.origin,
        )

    def stop(self) -> None:
        """Close the ports and end the threads."""
        self._ticker.stop()
        self.world.outbox.stop()
        for face in self._faces:
            face.stop()

    def banner(self) -> list[str]:
        """What is where, one line each."""
        off = "not started"
        return [
            "BlueSnap simulator: not BlueSnap, no real money, memory only, loopback only",
            f"protocol {self.protocol.origin}/services/2",
            f"levers {self.protocol.origin}/_levers",
            f"hosted-fields {self.fields.origin if self.fields else off}",
            f"shop {self.shop.origin if self.shop else off + (' (no API key)' if self._settings.shop else '')}",
            f"notices {self.world.outbox.url}",
            f"seed {self.world.seed}",
            "ready",
        ]
