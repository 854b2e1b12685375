"""Starts peers and makes clients with short deadlines to meet them; ends both after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import responses

pytest.register_assert_rewrite("bluesnap_peers")

from bluesnap_peers import PATIENT, SHORT, Peer, Server  # noqa: E402 - only what is imported after that line is rewritten

from service.bluesnap.client import BlueSnapClient  # noqa: E402


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a server whose connections are handled by the given function; stops it after the test."""
    servers: list[Server] = []

    def start(handler: Callable[[Peer, Server], None], *, listening: bool = True, **options: object) -> Server:
        server = Server(handler, **options)
        servers.append(server)
        if listening:
            server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client_of(request: pytest.FixtureRequest) -> Iterator[Callable[..., BlueSnapClient]]:
    """Makes clients for an address, with short deadlines where the file is about them (`DEADLINES`); closes them after the test."""
    timeouts = SHORT if getattr(request.module, "DEADLINES", False) else PATIENT
    clients: list[BlueSnapClient] = []

    def make(base_url: str, **options: object) -> BlueSnapClient:
        made = BlueSnapClient(
            **{"base_url": base_url, "user": "API_1", "password": "a-password", "timeouts": timeouts, **options}
        )
        clients.append(made)
        return made

    yield make
    for made in clients:
        made.close()


@pytest.fixture
def answering() -> Callable[..., Callable[[Peer, Server], None]]:
    """A handler that notes each request of a connection and answers it with the same bytes."""

    def make(data: bytes) -> Callable[[Peer, Server], None]:
        def handler(peer: Peer, server: Server) -> None:
            while request := peer.request():
                server.requests.append(request)
                peer.say(data)

        return handler

    return make


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    """Answers without a socket."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(client_of: Callable[..., BlueSnapClient]) -> BlueSnapClient:
    """A client for `mocked`."""
    return client_of("http://127.0.0.1:1")
