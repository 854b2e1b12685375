"""The report: what was found and nothing else, readable without a script or another host, with digests that can be checked."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from service import config
from service.config import ROOT
from service.evidence import belongings, policy, provenance, report, requirements, sinks, summary, trying, verdict
from service.evidence.canaries import NUMBERS
from service.evidence.columns import Column, Inspection
from service.evidence.pieces import Hit
from service.evidence.searching import Searched
from service.evidence.trying import Attempt, Tried
from tests.support.tools import environ_of

BEGAN = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
WORD = belongings.canary(belongings.MARKER, "GET /healthz · query name", "bcdfghjklmnpqrstvwxz")
HIT = Hit("marker: GET /healthz · query name", "S07", "service.log", 7, 120, "as it stands", '"note": "***" <b>')


def tried(wrong=""):
    made = Tried()
    for form, canary in (("plain", trying.CARDS[0]), ("marker", WORD)):
        made.take(Attempt("GET /healthz", "GET /healthz · query name", form, canary, lambda: ""), wrong)
    return made


def found(**changed):
    column = Column("public", "accounts", "account", "account_ref", "account_ref")
    made = verdict.Found(
        tried(),
        columns=Inspection((column,), (), 1),
        searched=[Searched("S07", "own log", 1, 1_234_567, 0.1, (), 3)],
        absent=dict(sinks.ABSENT),
    )
    for name, value in changed.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def written(tmp_path):
    """Writes the report on what was found; answers what was written, with the folder and the files."""

    def write(limit="", **changed):
        all_found = found(**changed)
        facts = report.Facts(
            began=BEGAN,
            seconds=61.2,
            found=all_found,
            verdict=verdict.of(all_found, limit),
            picture='<svg xmlns="http://www.w3.org/2000/svg"></svg>',
            settings=config.load(environ_of()),
            database="15.1",
            canaries={"marker": 1, "card number": 12},
        )
        return report.write(tmp_path, facts)

    return write


def leak():
    return [Searched("S07", "own log", 1, 10, 0.1, (HIT,), 0)]


def data(made):
    return json.loads((made.folder / report.DATA).read_text(encoding="utf-8"))


def page(made):
    return (made.folder / report.REPORT).read_text(encoding="utf-8")


def test_run_without_a_finding_is_clean_and_says_so(written):
    made = written()
    assert made.clean
    assert data(made)["verdict"] == "No leak was found, and every check passed"
    assert "No leak was found" in page(made)
    assert '<td class="failed"' not in page(made)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"searched": leak()}, "S07, service.log, line 7: marker: GET /healthz · query name (as it stands)"),
        ({"tried": tried("answered with 500")}, "GET /healthz · query name, plain: answered with 500"),
        (
            {
                "searched": [
                    Searched(
                        "S01",
                        "rows",
                        1,
                        9,
                        0.1,
                        (),
                        0,
                        "",
                        (Hit("", "S01", "public.x", 2, 0, "name of a field: pin", "x"),),
                    )
                ]
            },
            "S01, public.x, line 2: name of a field: pin",
        ),
        ({"searched": [Searched("S19", "memory", 0, 0, 0.1, (), 0, "closed to us")]}, "S19: closed to us"),
        ({"blind": ("S04: the planted word was not found",)}, "S04: the planted word was not found"),
        ({"columns": Inspection((Column("public", "t", "c", "text", ""),), (), 0)}, "t.c (text)"),
        ({"columns": Inspection((), ("t.c",), 1)}, "t.c"),
        ({"unplaced": ("GET /x has no group",)}, "GET /x has no group"),
    ],
)
def test_each_kind_of_finding_fails_one_check_and_is_named(written, changed, line):
    made = written(**changed)
    [failed] = [check for check in data(made)["checks"] if not check["passed"]]
    assert failed["failures"][0].startswith(line)
    assert not made.clean
    assert line in made.text()
    assert page(made).count('class="failed">failed') == 1


def test_number_that_leaked_is_told_with_the_places_where_it_was_sent(written):
    hit = Hit(trying.CARDS[0].case, "S04", "postgres.log", 3, 0, "plain", "***")
    made = written(searched=[Searched("S04", "server log", 1, 10, 0.1, (hit,), 0)])
    [line] = data(made)["checks"][1]["failures"]
    assert line.startswith(f"S04, postgres.log, line 3: {trying.CARDS[0].case} (plain)")
    assert line.endswith("Sent in at GET /healthz · query name.")


def test_limited_run_says_that_it_is_no_evidence(written):
    made = written(limit="healthz")
    assert made.clean
    assert "no evidence" in made.text()
    assert data(made)["limited_to"] == "healthz"
    assert "<code>healthz</code>" in page(made)
    assert not any("planted" in check["name"] for check in data(made)["checks"])


def test_what_was_found_is_escaped_in_the_page(written):
    assert "&lt;b&gt;" in page(written(searched=leak()))
    assert "<b>" not in page(written(searched=leak()))


def test_report_holds_no_canary_and_no_secret(written):
    made = written(searched=leak(), tried=tried("x"))
    everything = "".join(file.read_text(encoding="utf-8") for file in made.folder.iterdir())
    assert WORD.text not in everything
    assert [number for number in NUMBERS if number[:8] in everything] == []
    values = environ_of()
    for setting in config.SETTINGS:
        if setting.secret and values.get(setting.name):
            assert values[setting.name] not in everything, setting.name
            assert data(made)["settings"][setting.name] is None


class Outside(HTMLParser):
    """Everything in a page that would run or be fetched."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}:
            self.found.append(tag)
        self.found += [name for name, value in attrs if name in {"src", "href", "srcset"} or name.startswith("on")]


def test_page_runs_no_script_and_fetches_nothing(written):
    text = page(written(searched=leak()))
    reader = Outside()
    reader.feed(text)
    assert reader.found == []
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


def test_digests_are_those_of_the_files_that_were_written(written):
    made = written()
    told = data(made)["digests"]
    for name in (report.REPORT, report.PICTURE):
        assert told[name] == hashlib.sha256((made.folder / name).read_bytes()).hexdigest()
    assert made.digest == hashlib.sha256((made.folder / report.DATA).read_bytes()).hexdigest()
    assert told["openapi.yaml"] == hashlib.sha256((ROOT / "openapi.yaml").read_bytes()).hexdigest()
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", report.SUMS], cwd=made.folder, capture_output=True, check=False
    )
    assert done.returncode == 0


def test_digest_of_the_code_is_what_the_shell_makes_of_it():
    line = "find service -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == provenance.code()


def test_digest_of_the_configuration_changes_with_a_value_and_not_with_a_port():
    def digest(**changed):
        return provenance.digests(provenance.configuration(config.load(environ_of(**changed))))["configuration"]

    usual = digest(bind="127.0.0.1:8080")
    assert digest(bind="127.0.0.1:9999") == usual
    assert digest(bind="127.0.0.1:8080", grace_days="30") != usual


def test_report_holds_each_sentence_of_the_policy_with_its_gaps(written):
    made = written()
    data = json.loads((made.folder / report.DATA).read_text(encoding="utf-8"))
    assert [one["number"] for one in data["policy"]] == [one.number for one in policy.read()]
    page = (made.folder / report.REPORT).read_text(encoding="utf-8")
    assert page.index("The security policy: what bears each sentence out") < page.index("What no run shows")
    assert "](" not in page


def test_report_of_an_installation_without_documents_has_no_policy(written, monkeypatch):
    monkeypatch.setattr(policy, "read", list)
    assert "The security policy" not in (written().folder / report.REPORT).read_text(encoding="utf-8")


def test_requirements_say_what_is_not_shown_and_that_the_text_must_be_checked():
    numbers = " ".join(one.number for one in requirements.REQUIREMENTS)
    for number in (
        "1.2.4",
        "3.2.1",
        "3.3.1",
        "3.4.1",
        "3.5.1",
        "6.2.4",
        "6.4.3",
        "10.2.1",
        "10.3.1",
        "11.5.2",
        "11.6.1",
    ):
        assert number in numbers
    assert all(one.asks and one.shows and one.shows_not for one in requirements.REQUIREMENTS)
    assert "official text" in requirements.CAVEAT
    told = " ".join(requirements.NOT_SHOWN)
    for outside in ("proxy", "signup page", "penetration test", "Backups"):
        assert outside in told


@pytest.mark.parametrize(
    ("kind", "sink", "place", "allowed"),
    [
        (belongings.CARD, "S12", "request 1", False),
        (belongings.MARKER, "S01", "public.notices", False),
        (belongings.ACCOUNT, "S01+S22+S25", "public.accounts", True),
        (belongings.ACCOUNT, "S04", "postgres.log", False),
        (belongings.ACCOUNT, "S07+S08+S09+S10", "service.log", False),
        (belongings.PAYER, "S12", "request 1", True),
        (belongings.PAYER, "S02", "base/1", False),
        (belongings.CLIENT_SECRET, "S11", f"answer 1 (honest customer, {belongings.OWN_SESSION}: open)", True),
        (belongings.CLIENT_SECRET, "S11", "answer 1 (honest customer, platform: session by key)", False),
        (belongings.FIELDS_TOKEN, "S12", "request 1", True),
        (belongings.API_KEY, "S18", "service.0, environ", False),
        (belongings.SETTING, "S18", "service.0, environ", True),
        (belongings.SETTING, "S12", "request 1", False),
        (belongings.PASSWORD, "S12", "request 1", True),
    ],
)
def test_what_was_found_belongs_there_or_is_a_leak(kind, sink, place, allowed):
    assert belongings.belongs(Hit(f"{kind.name}: x", sink, place, 1, 0, "plain", "")) is allowed


def test_places_of_all_operations_are_named_once_and_heads_put_together():
    groups = [
        {"name": "GET /a", "attempts": 2, "places": {"header Origin": [], "path a": []}},
        {"name": "GET /b", "attempts": 2, "places": {"header Origin": [], "query b": [], "query c": []}},
        {"name": "Others", "attempts": 4, "places": {"one · method": [], "two · method": [], "three · host": []}},
    ]
    told = summary.of(groups)
    assert told["everywhere"] == "headers Origin"
    assert [way["lines"] for way in told["ways"]] == [["path a"], ["query b, c"], ["one, two: method", "three: host"]]
