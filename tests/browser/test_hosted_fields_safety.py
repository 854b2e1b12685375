"""What keeps a card number inside the hosted fields: origins checked both ways, policies, and no way to look in."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from in_process import serve
from merchant_page import FIELDS, MERCHANT, STRANGER, good
from shop_pages import digit_windows, holding

from simulator import tokens
from simulator.cards import NAMED
from simulator.hosted_fields import create_app

pytestmark = pytest.mark.browser


def test_page_cannot_read_what_is_in_a_frame(merchant):
    merchant.create()
    merchant.paste(**good())
    read = """() => { const frame = document.querySelector("[data-bluesnap=ccn] iframe");
      try { return [frame.contentDocument, frame.contentWindow.document.body.innerHTML]; }
      catch (error) { return [frame.contentDocument, error.name]; } }"""
    assert merchant.page.evaluate(read) == [None, "SecurityError"]


def test_neither_side_listens_to_a_stranger(merchant, context):
    """A window of another origin can reach both by script; its messages must have no effect on either."""
    script = """
      const order = { source: "bluesnap-page", type: "send", n: 1 };
      const lie = { source: "bluesnap-hosted-field", tag: "ccn", type: "error", code: "10", description: "invalid", eventOrigin: "onBlur" };
      for (let i = 0; i < 3; i += 1) window.parent.frames[i].postMessage(order, "*");
      window.parent.postMessage(lie, "*");
      window.parent.postMessage("done", "*");"""
    body = f"<!doctype html><script>{script}</script>"
    context.route(f"{STRANGER}/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    merchant.create()
    merchant.paste(**good())
    merchant.page.evaluate(
        """(src) => new Promise((resolve) => {
          window.addEventListener("message", ({ data }) => data === "done" && resolve());
          document.body.append(Object.assign(document.createElement("iframe"), { src }));
        })""",
        f"{STRANGER}/",
    )
    assert merchant.submit()["statusCode"] == "1"
    assert len(merchant.card_calls) == 3
    assert merchant.heard("onError") == []


LIE = """
  const lie = { source: "bluesnap-hosted-field", tag: "ccn", type: "error", code: "10", description: "invalid", eventOrigin: "onBlur" };
  window.parent.postMessage(lie, "*");
  window.parent.postMessage("done", "*");"""


def test_mounted_frame_that_was_led_elsewhere_is_not_believed(merchant, context):
    body = f"<!doctype html><script>{LIE}</script>"
    context.route(f"{STRANGER}/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    merchant.create()
    merchant.page.evaluate(
        "(src) => { document.querySelector('[data-bluesnap=ccn] iframe').src = src; }", f"{STRANGER}/"
    )
    merchant.page.wait_for_function("""messages.includes('"done"')""")
    assert merchant.heard("onError") == []


def test_frame_that_the_script_did_not_mount_is_not_believed(merchant):
    merchant.create()
    src = f"{FIELDS}/web-sdk/5/frames/ccn#{quote(MERCHANT, safe='')}"
    merchant.page.evaluate(
        "(src) => document.body.append(Object.assign(document.createElement('iframe'), { src }))", src
    )
    merchant.page.wait_for_function("""messages.filter((text) => text.includes('"ready"')).length === 4""")
    other = merchant.page.frame_locator("body > iframe").get_by_role("textbox")
    other.press_sequentially("42")
    merchant.page.wait_for_function("""messages.some((text) => text.includes('"VISA"'))""")
    assert merchant.heard("onType") == []


def test_number_is_in_no_message_between_frame_and_page(merchant):
    merchant.create()
    merchant.paste(**good())
    merchant.submit()
    merchant.field("ccn").fill("")
    messages = merchant.page.evaluate("messages")
    assert len(messages) > 10
    assert holding(messages, digit_windows(NAMED["visa"][0])) == []


def test_pages_from_elsewhere_cannot_frame_the_fields(context, page, world):
    serve(context, FIELDS, create_app(world, script_origin=FIELDS))
    site = "http://elsewhere.example"
    frame = f'<!doctype html><iframe src="{FIELDS}/web-sdk/5/frames/ccn#{site}"></iframe>'
    context.route(f"{site}/**", lambda route: route.fulfill(body=frame, content_type="text/html"))
    with page.expect_event("requestfailed") as failed:
        page.goto(f"{site}/")
    assert "BLOCKED" in failed.value.failure
    assert page.frame_locator("iframe").get_by_role("textbox").count() == 0


def test_answers_carry_strict_policies_and_are_never_kept(world):
    client = create_app(world, script_origin=FIELDS).test_client()
    frame = client.get("/web-sdk/5/frames/cvv")
    assert frame.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors http://localhost:* http://127.0.0.1:*"
    )
    script = client.get("/web-sdk/5/bluesnap.js", buffered=True)
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    asset = client.get("/web-sdk/5/assets/frame.js", buffered=True)
    assert asset.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for answer in (frame, script, asset, client.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_card_call_from_another_origin_is_refused_and_changes_nothing(world):
    client = create_app(world, script_origin=FIELDS).test_client()
    token = tokens.create(world)
    call = {"path": f"/services/2/payment-fields-tokens/{token.text}", "json": {"cvv": "123"}}
    headers = {"Token-Authentication": token.text}
    assert client.put(**call, headers={**headers, "Origin": MERCHANT}).status_code == 403
    assert token.cvv_length is None or token.cvv_length == 0
    assert client.put(**call, headers={**headers, "Origin": FIELDS}).status_code == 200


@pytest.mark.parametrize("path", ["/web-sdk/5/frames/pin", "/web-sdk/5/assets/app.py", "/web-sdk/5/assets/bluesnap.js"])
def test_what_is_not_on_the_list_is_not_served(world, path):
    assert create_app(world, script_origin=FIELDS).test_client().get(path).status_code == 404
