"""A merchant's page with the three hosted fields, all of it served from this process."""

from __future__ import annotations

import datetime as dt
import json

from simulator import tokens
from simulator.cards import NAMED

MERCHANT = "http://localhost:59109"
FIELDS = "http://localhost:59107"
STRANGER = "http://localhost:59111"
YEAR = dt.datetime.now(dt.UTC).year + 3
PAGE = f"""<!doctype html><html lang="en"><title>A merchant</title>
<script src="{FIELDS}/web-sdk/5/bluesnap.js"></script>
<script>
  var heard = [], outcomes = [], messages = [];
  window.addEventListener("message", ({{ data }}) => messages.push(JSON.stringify(data)));
  var note = (name) => (...rest) => {{ heard.push([name, ...rest]); }};
  function create(token, more) {{
    var names = ["setupComplete", "onFocus", "onBlur", "onEnter", "onValid", "onType", "onError"];
    var handlers = Object.fromEntries(names.map((name) => [name, note(name)]));
    bluesnap.hostedPaymentFieldsCreate({{ token, onFieldEventHandler: handlers, ...more }});
  }}
  function submit(threeDS) {{ bluesnap.hostedPaymentFieldsSubmitData((outcome) => outcomes.push(outcome), threeDS); }}
</script>
<div data-bluesnap="ccn" style="height: 40px"></div>
<div data-bluesnap="exp" style="height: 40px"></div>
<div data-bluesnap="cvv" style="height: 40px"></div>
"""


class Merchant:
    """A page with the three fields, and what it may know of them."""

    def __init__(self, page, world, calls):
        self.page, self.world, self._calls = page, world, calls

    def create(self, token=None, **more):
        token = tokens.create(self.world).text if token is None else token
        self.page.evaluate("([token, more]) => create(token, more)", [token, more])
        self.page.wait_for_function("heard.some(([name]) => name === 'setupComplete')")
        return token

    def field(self, tag):
        return self.page.frame_locator(f"[data-bluesnap={tag}] iframe").get_by_role("textbox")

    def type(self, ccn="", exp="", cvv=""):
        for tag, text in (("ccn", ccn), ("exp", exp), ("cvv", cvv)):
            self.field(tag).press_sequentially(text)

    def paste(self, **parts):
        for tag, text in parts.items():
            self.field(tag).fill(text)

    def submit(self, *, three_ds=None):
        self.page.evaluate("(threeDS) => { outcomes.length = 0; submit(threeDS); }", three_ds)
        return self.page.wait_for_function("outcomes[0]").json_value()

    def heard(self, name):
        return [rest for first, *rest in self.page.evaluate("heard") if first == name]

    def await_heard(self, *event):
        self.page.wait_for_function(
            "(event) => heard.some((entry) => JSON.stringify(entry) === JSON.stringify(event))", arg=list(event)
        )

    @property
    def card_calls(self):
        return [json.loads(body) for method, _path, body in self._calls if method == "PUT"]


def good(name="visa", cvv="123"):
    number, month = NAMED[name]
    return {"ccn": number, "exp": f"{month:02d}{YEAR % 100}", "cvv": cvv}
