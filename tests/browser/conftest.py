"""One Chromium a worker, a fresh context a test, and the whole stack for the journeys."""

from __future__ import annotations

import pytest
from in_process import serve
from merchant_page import FIELDS, MERCHANT, PAGE, Merchant
from playwright.sync_api import expect, sync_playwright

from dev import chromium
from dev.stack import Stack
from simulator import hosted_fields
from simulator.settings import Settings
from simulator.world import World

WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def executable():
    return chromium.find_or_skip()


@pytest.fixture(scope="session")
def browser(executable):
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(executable), args=list(chromium.ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture
def page(context):
    """A page that fails its test when a script of it throws, or when its own policy blocks something that it needs."""
    complaints = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text) if _blocked(line.text) else None)
    yield opened
    assert not complaints


@pytest.fixture(scope="session")
def stack(executable, tmp_path_factory):
    # The tests decline cards on purpose, all from one address: the breaker against card testing has tests of its own.
    # Quiet times are short, so that an answer that was lost is known soon.
    calm = {"PANLESS_BREAKER_PERCENT": "100", "PANLESS_BREAKER_MINIMUM": "1000", "PANLESS_QUIET_SECONDS": "1"}
    with Stack(ports="free", data=tmp_path_factory.mktemp("stack"), throwaway=True, environment=calm) as started:
        yield started


def _blocked(text):
    """A page's own policy stopped something; that a foreign page may not frame ours ("Framing …") is no complaint."""
    return "violates the following Content Security Policy" in text and not text.startswith("Framing")


@pytest.fixture
def world():
    return World(Settings())


@pytest.fixture
def merchant(context, page, world):
    calls = serve(context, FIELDS, hosted_fields.create_app(world, script_origin=FIELDS))
    context.route(f"{MERCHANT}/**", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.goto(f"{MERCHANT}/")
    return Merchant(page, world, calls)
