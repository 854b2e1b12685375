"""The cases of operations (E140 to E150): what operators type, what tools read, and what is kept beside the code."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from leaks_notices import delivery, encoded, fields_of, reference, rows_of
from leaks_outcomes import problem
from leaks_payloads import number
from leaks_provider import one_row, said
from leaks_registry import Observation, sender
from leaks_tools import opclean, rows, run_commands, typed_wrong

from service.cardguard import formats
from service.config import ROOT, SETTINGS
from tests.support.disguises import KINDS, SPARES

REFUSED = 2
#: What is published, and stands in the simulator and in tests (bluesnap/test-data.md).
PUBLISHED = {digits for kind in KINDS.values() for digits in re.findall(r"[0-9]{13,19}", kind)} | set(SPARES)
_DIGITS = re.compile(rb"(?<![0-9A-Za-z_.+/=-])[2-6][0-9]{12,18}(?![0-9A-Za-z_+/=])")


@sender("E140")
def argument(case, stage):
    """Of every command: it is refused, or nothing of that name is found; one is a real process, whose arguments everybody may read while it lives."""
    before = rows(stage)
    lines = [*typed_wrong(stage.payload(case))]
    assert len(lines) > 100
    statuses, output = run_commands(stage, [(line, {}) for line in lines])
    done = stage.stand.command("notices", "show", stage.payload(case))

    def check():
        assert 0 not in statuses, f"taken: {[lines[place][:2] for place, status in enumerate(statuses) if not status]}"
        assert done.status in {1, 2}
        assert rows(stage) == before

    return opclean(stage, output + done.out + done.err, check)


@sender("E141")
def environment(case, stage):
    """Every setting in turn holds the number: it is refused by its name, or taken as what it is, and never shown."""
    word = stage.payload(case)
    harmless = ["settings"]
    orders = [(["keys", "list"], {setting.name: word}) for setting in SETTINGS]
    orders += [(harmless, {setting.name: word for setting in SETTINGS}), (harmless, {f"PANLESS_{word}": word})]
    statuses, output = run_commands(stage, orders)
    done = stage.stand.command("doctor", "--help")

    def check():
        assert done.status == 0
        assert statuses[-2:] == [0, 0]
        refused = {name.decode() for name in re.findall(rb"panless: (PANLESS_[A-Z_]+) ", output)}
        missed = {"PANLESS_MAX_MEMBERS", "PANLESS_BIND", "PANLESS_BLUESNAP_URL"} - refused
        assert not missed, f"not refused by name: {missed}"

    return opclean(stage, output, check)


@sender("E142")
def configuration_file(case, stage):
    """The catalogue holds it: in every place of its own grammar, in what is no TOML, and under names that nobody reads."""
    word, plans = stage.payload(case), (ROOT / "plans.toml").read_text(encoding="utf-8")
    wrong = [
        plans.replace('"team"', f'"{word}"'), plans.replace('"29.00"', f'"{word}"'), plans.replace('"29.00"', word),
        plans.replace('"USD"', f'"{word}"'), plans.replace('"2340001"', f'"{word}"'), plans.replace('"2340001"', word),
        plans.replace("version = 1", f"version = {word}"), plans.replace("version = 1", f'version = "{word}"'),
        f"{plans}\n{word}\n", f'{plans}\n"{word}" = 1\n"{word}" = 2\n', f"{plans}\nx = {{{word} = 1, {word} = 2}}\n", f'{plans}\nx = "{word}',
        f"{plans}\n[{word}", f"{plans}\nx = {word}:{word}\n",
    ]  # fmt: skip
    unread = [f'{plans}\n{word} = "{word}"\n', f'{plans}\n[["{word}"]]\nid = "{word}"\n', f"{plans}\n# {word}\n"]
    assert plans not in wrong, "the catalogue is written otherwise: mend this case"
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{place}.toml" for place in range(len(wrong) + len(unread))]
        for file, text in zip(files, wrong + unread, strict=True):
            file.write_text(text, encoding="utf-8")
        named = [*map(str, files), f"{folder}/{word}"]
        statuses, output = run_commands(stage, [(["keys", "list"], {"PANLESS_PLANS_FILE": one}) for one in named])

    def check():
        assert statuses[len(wrong) : -1] == [0] * len(unread)
        taken = [place for place, status in enumerate(statuses[: len(wrong)]) if status != REFUSED]
        assert not taken, f"wrong catalogues are taken: {taken}"
        assert statuses[-1] == REFUSED

    return opclean(stage, output, check)


@sender("E144")
def purpose_of_a_grant(case, stage):
    """Typed where a grant asks why: as the purpose, as the ticket and as the account, over HTTP and by command. There is no place for free text, and no key may ask."""
    word, wish = stage.payload(case), {"account": stage.account, "purpose": "payment_problem", "ticket": "SUP-1"}
    wrong = [{**wish, name: text} for name in wish for text in (word, said(stage))]
    seen = stage.send_all([stage.writing("/v1/access-grants", body) for body in wrong])
    lines = [[item for name, value in body.items() for item in (f"--{name}", value)] for body in wrong]
    before = rows(stage)
    statuses, output = run_commands(stage, [(["grants", "request", *line], {}) for line in lines])

    def check():
        assert {problem(answer)["code"] for answer in seen.answers} == {"card_data_refused"}
        assert set(statuses) == {REFUSED}
        assert rows(stage) == before
        assert not [scope for scope in formats.SCOPES if scope in formats.PERSON_SCOPES]

    found = opclean(stage, output, check)
    found.answers, found.sent, found.log, found.lines = seen.answers, seen.sent, seen.log, seen.lines
    return found


@sender("E147")
def imported_list(case, stage):
    """In each cell of a list of customers, in its header and in what is no line; as it is, and to be carried out."""
    word = stage.payload(case)
    cells = [
        f"{word},48305573,3",
        f"leaks-{word},48305573,3",
        f"leaks-a,{word},3",
        f"leaks-b,48305573,{word}",
        f"leaks-c,48305573,3,{word}",
    ]
    texts = [
        "account,subscription,members\n" + "".join(f"{one}\n" for one in cells),
        f"account,{word}\n",
        f'account,subscription\n"{word}',
    ]
    before = rows(stage)
    with tempfile.TemporaryDirectory() as folder:
        orders = []
        for place, text in enumerate(texts):
            file = Path(folder) / f"{place}.csv"
            file.write_text(text, encoding="utf-8")
            orders += [(["adopt", str(file), *more], {}) for more in ([], ["--apply"], ["--apply", "--json"])]
        statuses, output = run_commands(stage, orders)

    def check():
        assert set(statuses) <= {1, 2}
        assert rows(stage) == before

    return opclean(stage, output, check)


@sender("E148")
def mail_of_a_schedule(case, stage):
    """Nobody sends mail: no part of the service can, and what runs on a schedule is told to the log alone."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "service").rglob("*.py")]
    senders = re.compile(r"\b(smtplib|sendmail|aiosmtplib|SysLogHandler|SMTPHandler)\b|import email")
    with stage.stand.connect() as connection:
        names = {row[0] for row in connection.execute("SELECT task_name FROM jobs.procrastinate_periodic_defers")}

    def check():
        assert not [text for text in sources if senders.search(text)]
        assert names <= {
            "settle_signups",
            "settle_refunds",
            "checkpoint",
            "retain",
            "delete_shoppers",
            "look",
            "hear_again",
            "tell",
            "sweep",
            "tidy",
            "watch",
            "canary",
            "forget_stalled",
            "prune_logs",
            "review_logs",
        }

    return opclean(stage, b"", check)


@sender("E149")
def replayed_notice(case, stage):
    """A kept notice that came with the number is shown, listed and applied again."""
    known = reference()
    word = stage.payload(case)
    told = fields_of(known, custom1=word, firstName=said(stage), invoiceChargeCurrency=word, reversalReason=said(stage))
    seen = stage.send(delivery(stage, encoded(told)))
    [row] = rows_of(stage, known)
    notice = one_row(stage, "SELECT id FROM notices WHERE reference = %s", known)[0]
    lines = [
        ["show", notice],
        ["show", notice, "--json"],
        ["list"],
        ["replay", notice],
        ["replay", notice, "--json"],
        ["show", notice],
    ]
    statuses, output = run_commands(stage, [(["notices", *line], {}) for line in lines])

    def check():
        assert seen.answer.status == 200
        assert (row["outcome"], row["currency"]) == ("hint", None)
        assert statuses[:3] == [0, 0, 0]
        assert notice.encode() in output

    found = opclean(stage, output, check)
    found.answers, found.sent, found.log = seen.answers, seen.sent, seen.log
    return found


def _luhn(digits):
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


@sender("E150")
def cassettes(case, stage):
    """What is kept beside the code, recordings too: no number in it that could be a card's, but those that are published for tests."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    files = [ROOT / name for name in listed.split("\0") if name]
    found = {
        (str(file.relative_to(ROOT)), digits)
        for file in files
        if file.is_file()
        for digits in (match.decode() for match in _DIGITS.findall(file.read_bytes()))
        if _luhn(digits) and digits not in published()
    }

    def check():
        assert len(files) > 300
        assert number(case) in published()
        assert not found, f"numbers of nobody knows whom in {sorted({name for name, _ in found})}"

    del stage
    return Observation(judge=check)


def published():
    """All published test numbers, with those that the simulator takes."""
    cards = (ROOT / "simulator" / "cards.py").read_text(encoding="utf-8") + (ROOT / "docs").joinpath(
        "operating.md"
    ).read_text()
    return PUBLISHED | set(re.findall(r"[0-9]{13,19}", cards))
