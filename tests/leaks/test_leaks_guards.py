"""Every guard is load-bearing: what stays clean with all of them shows up as soon as one is off, or two where each alone is enough.

Each trial names the guards that are off, the case that is tried and the sinks where it then shows. For two, the case must stay
clean with either of them alone: that is what it means that they are independent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import combinations

import psycopg
import pytest

from dev.stack import Stack
from service.evidence.canaries import Canary, marker
from service.evidence.wire import request
from tests.leaks.leaks_guards import SESSIONS, Ground, Probe, sinks_with
from tests.support.hostile_provider import HostileProvider, answer, with_body

pytestmark = pytest.mark.leaks
#: A test number, and two as long of no brand, which the gate cannot know for cards': so that the guards behind it are seen.
CARD, STRANGE, STRANGER = "4012888888881881", "7012888888881880", "9012888888881886"
Case = Callable[[Probe], None]


# the cases


def body_with_a_card(probe):
    """Half in one field and half in the next: a name may have that many digits, and only the gate looks at both."""
    probe.keep(probe.server.complete(probe.server.open(), first_name=CARD[:8], last_name=CARD[8:]))


def query_with_a_card(probe):
    if probe.keep(probe.server.send(request("GET", f"/healthz?x={CARD}"))).status != 422:
        probe.words.add("accepted")


def name_of_free_text(probe):
    probe.keep(probe.server.complete(probe.server.open(), first_name=f"={probe.canary.text};"))


def name_with_a_strange_number(probe):
    probe.keep(probe.server.complete(probe.server.open(), first_name=STRANGE))


def account_with_a_strange_number(probe):
    probe.keep(probe.server.write(SESSIONS, {"account": STRANGE, "plan": "team", "members": 3}))


def unknown_field(probe):
    probe.keep(probe.server.write(SESSIONS, {"account": "a", "plan": "team", "members": 3, STRANGE: 1}))


def path_with_a_strange_number(probe):
    probe.keep(probe.server.send(request("GET", f"/healthz/{STRANGE}")))


def query_with_a_strange_number(probe):
    probe.keep(probe.server.send(request("GET", f"/healthz?x={STRANGE}")))


def header_without_a_colon(probe):
    probe.keep(probe.server.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % STRANGE.encode()))


def foreign_host(probe):
    probe.keep(probe.server.send(request("GET", "/healthz", [("Host", STRANGE)])))


def odd_method(probe):
    probe.keep(probe.server.send(request(f"M{STRANGE}", "/healthz")))


def row_by_hand(probe):
    with psycopg.connect(probe.server.database_url, autocommit=True) as connection:
        try:
            connection.execute("INSERT INTO accounts (account, created_at) VALUES (%s, now())", [STRANGER])
        except psycopg.errors.CheckViolation:
            probe.words.add("refused")


def card_that_bluesnap_shows_whole(probe):
    account = f"guard-{marker()}"
    assert probe.server.complete(probe.server.open(account)).status == 201
    whole = with_body(
        lambda body: body.replace(b'"cardLastFourDigits":"', b'"cardLastFourDigits":"' + STRANGE.encode()).replace(
            b'"cardLastFourDigits": "', b'"cardLastFourDigits": "' + STRANGE.encode()
        )
    )
    order = probe.server.ground.provider.order("get_subscription", whole)
    probe.keep(
        probe.server.send(
            request("GET", f"/v1/accounts/{account}/card", [("Authorization", f"Bearer {probe.server.key}")])
        )
    )
    order.wait()


def dispute_of_free_text(probe):
    probe.keep(
        probe.server.notice(
            transactionType="CHARGEBACK_STATUS_CHANGED", referenceNumber="7", cbStatus=probe.canary.text
        )
    )


def notice_of_a_strange_number(probe):
    probe.keep(probe.server.notice(transactionType="CHARGE", referenceNumber=STRANGE))


def tracer_with_a_card(probe):
    """A tracer's id may look like a card; honest requests that carry one are served."""
    if probe.keep(probe.server.send(request("GET", "/healthz", [("X-Datadog-Trace-Id", CARD)]))).status != 200:
        probe.words.add("refused")


def multipart_order(probe):
    form = {"account": f"guard-{marker()}", "plan": "team", "purpose": probe.canary.text}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form.items()
    )
    got = probe.keep(
        probe.server.write(
            SESSIONS, f"{parts}--b--\r\n".encode(), headers=[("Content-Type", "multipart/form-data; boundary=b")]
        )
    )
    if got.status != 415:
        probe.words.add("read")


def redirect_to_a_stranger(probe):
    ground = probe.server.ground
    session = probe.server.open()
    location = f"Location: {ground.stranger.url}/services/2/vaulted-shoppers"
    order = ground.provider.order("create_shopper", answer("307 Temporary Redirect", location))
    probe.keep(probe.server.complete(session, first_name=probe.canary.text.capitalize()))
    order.wait()


@dataclasses.dataclass(frozen=True)
class Trial:
    """`shows`: where the case shows with these guards off; with any of them on it shows in none of those."""

    off: str
    case: Case
    shows: set[str]
    number: str = STRANGE
    word: bool = False

    @property
    def name(self):
        return f"{self.off}: {self.case.__name__}"


TRIALS = (
    Trial("gate", body_with_a_card, {"provider"}, CARD),
    Trial("gate", query_with_a_card, {"accepted"}, CARD),
    Trial("exemption", body_with_a_card, {"provider"}, CARD),
    Trial("schema", name_of_free_text, {"provider"}, word=True),
    Trial("formats", name_with_a_strange_number, {"provider"}),
    Trial("echo", unknown_field, {"answer"}),
    # nothing of ours logs what was sent; the list of fields is for the day when somebody does
    Trial("redaction,slip_log", path_with_a_strange_number, {"log"}),
    Trial("worker", header_without_a_colon, {"answer"}),
    # with our worker gunicorn does not quote, with our formatter its quotation is not written
    Trial("formatter,worker", header_without_a_colon, {"log"}),
    Trial("logger", query_with_a_strange_number, {"log"}),
    Trial("domains", row_by_hand, {"rows"}, STRANGER),
    # what the service itself is sent meets the schema first; the database holds where that does not
    Trial("domains,formats", account_with_a_strange_number, {"rows"}),
    # what BlueSnap says of a card is read by its format, and looked at once more before it is shown
    Trial("nameable,provider", card_that_bluesnap_shows_whole, {"answer"}),
    Trial("notices", dispute_of_free_text, {"rows"}, word=True),
    Trial("domains,notices", notice_of_a_strange_number, {"rows"}),
    Trial("headers", tracer_with_a_card, {"refused"}, CARD),
    Trial("media", multipart_order, {"read"}, word=True),
    Trial("errors", foreign_host, {"answer"}),
    Trial("labels", odd_method, {"metrics"}),
    # even a redirect that is followed finds no way but to BlueSnap
    Trial("hosts,redirects", redirect_to_a_stranger, {"stranger"}, word=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guards")
    with (
        HostileProvider() as provider,
        HostileProvider() as stranger,
        Stack(data=folder / "stack", throwaway=True) as stack,
    ):
        provider.forward_to(stack.simulator_url)
        stranger.forward_to(stack.simulator_url)
        made = Ground(stack, provider, stranger, folder)
        yield made
        made.stop()


def canary_of(trial):
    return Canary(trial.name, marker(), word=True) if trial.word else Canary(trial.name, trial.number)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_case_shows_with_its_guards_off_and_with_no_fewer(ground, trial):
    off = frozenset(trial.off.split(","))
    fewer = [frozenset(some) for count in range(len(off)) for some in combinations(sorted(off), count)]
    for some in fewer:
        shown = sinks_with(ground.server(some), trial.case, canary_of(trial))
        assert not shown & trial.shows, f"with {sorted(some) or 'no guard'} off it shows in {sorted(shown)}"
    shown = sinks_with(ground.server(off), trial.case, canary_of(trial))
    assert trial.shows <= shown, f"with {trial.off} off it shows in {sorted(shown)} only"


def test_every_switch_is_tried():
    from tests.leaks import unguarded

    switches = {
        name
        for name, made in vars(unguarded).items()
        if callable(made) and getattr(made, "__module__", "") == unguarded.__name__
    }
    assert {name for trial in TRIALS for name in trial.off.split(",")} == switches - {"none", "main", "Everything"}
