"""The invariants of the fault list, each a function of the facts alone: how many objects it looked at, and what is wrong with them. None reads or changes anything."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal

from tests.faults.faults_facts import RECORDED, moment_of
from tests.faults.faults_money import (
    acknowledged_is_kept,
    answered_is_sold,
    at_most_one_sale,
    no_orphans,
    same_on_both_sides,
)
from tests.journeys.journeys_stage import windows
from tests.support.cards import NUMBERS

#: Never in an entry's image (service/store/journal.py says why of each).
NOT_IN_IMAGES = {
    "fields_sealed", "key_id", "address", "fence", "lease_until", "called_at", "look_at", "pending_until", "looked",
    "shopper_key", "subscription_key", "key", "fraud_session", "three_d_secure",
}  # fmt: skip
#: Entries of what was looked at and not changed.
READINGS = {"card.shown"}
FINAL_SIGNUPS = {"active", "declined", "released", "replaced"}


def journal_is_whole(facts):
    """I6: each number once and without a gap, nothing changed without an entry, and each version of a subscription by exactly one, in order."""
    entries = facts.tables["entries"]
    numbers = Counter(entry["number"] for entry in entries)
    wrong = [f"entry {number} is there {times} times" for number, times in numbers.items() if times > 1]
    lost = set(range(min(numbers, default=0), max(numbers, default=0))) - set(numbers)
    wrong += [f"entry {number} is not there" for number in sorted(lost)]
    by_hand = [entry for entry in entries if entry["act"].startswith("hand.")]
    wrong += [
        f"{one['subject']} was changed without an entry of ours ({one['number']}, {one['image']})" for one in by_hand
    ]
    versions = defaultdict(list)
    for entry in sorted(entries, key=lambda one: one["number"]):
        if entry["subject"].startswith("sub_") and entry["act"] not in READINGS:
            versions[entry["subject"]].append(entry["version"])
    current = {row["id"]: row["version"] for row in facts.tables["subscriptions"]}
    for subject in versions | current:
        found = versions.get(subject, [])
        if found != list(range(1, current.get(subject, 0) + 1)):
            wrong.append(f"{subject} is at version {current.get(subject)} and has entries of {found}")
    return len(entries), wrong


def no_card_data(facts):
    """I7, until the scanner takes it over: eight digits in a row of a test card's number, anywhere."""
    texts = {text for number in NUMBERS for text in windows(number)}
    wrong = [
        f"{place} holds {text[:2]}… of a card number"
        for place, content in facts.left_behind.items()
        for text in texts
        if text in content
    ]
    return len(facts.left_behind), wrong


def no_step_back(facts):
    """I8: what has ended stays ended, in every subscription's, signup's and session's history."""
    wrong, last = [], {}
    for entry in sorted(facts.tables["entries"], key=lambda one: one["number"]):
        subject, image = entry["subject"], entry["image"]
        kind = subject.partition("_")[0]
        state = image.get("status") if kind == "sub" else image.get("state") if kind in {"su", "cs"} else None
        if state is None:
            continue
        before = last.get(subject)
        over = {"sub": {"ended", "void"}, "su": FINAL_SIGNUPS, "cs": {"complete", "failed"}}[kind]
        if before in over and state != before:
            wrong.append(f"{subject} was {before} and became {state} by {entry['act']} ({entry['number']})")
        last[subject] = state
    return len(last), wrong


def answers_in_time(facts):
    """I9: no answer after its deadline, of the requests that were not held on purpose."""
    timed = [said for said in facts.said if said.seconds is not None]
    wrong = [f"{said.method} {said.path} took {said.seconds:.1f} s" for said in timed if said.seconds > facts.longest]
    return len(timed), wrong


def nobody_else_was_called(facts):
    """I10: no connection to any port that is outside the allow-list."""
    wrong = [f"port {port} was called {times} times" for port, times in facts.recorders if times]
    return len(facts.recorders), wrong


def no_change_without_entry(facts):
    """I14: every row is what the last entry about it says, field by field."""
    last = {}
    for entry in sorted(facts.tables["entries"], key=lambda one: one["number"]):
        if entry["act"] not in READINGS:
            last[entry["subject"]] = entry["image"]
    wrong, seen = [], 0
    for table in RECORDED:
        for row in facts.tables[table]:
            seen += 1
            image = last.get(row["id"])
            if image is None:
                wrong.append(f"{table} {row['id']} has no entry")
                continue
            for name, value in row.items():
                if name not in NOT_IN_IMAGES and not _alike(value, image.get(name)):
                    wrong.append(f"{table} {row['id']}: {name} is {value!r}, its last entry says {image.get(name)!r}")
    return seen, wrong


def _alike(value, told):
    if value is None or told is None:
        return value is told
    if isinstance(value, Decimal):
        return value == Decimal(told)
    if isinstance(value, datetime):
        return value == moment_of(told)
    return str(value) == str(told)


def same_key_same_answer(facts):
    """I15: final answers of a key never differ, and no key answers two bodies."""
    by_key, wrong = defaultdict(list), []
    for said in facts.said:
        final = said.status == 402 or (200 <= said.status < 300 and said.status != 202)
        if said.key is not None and final:
            by_key[said.key, said.path].append(said)
    for (key, path), answers in by_key.items():
        if len({(one.status, _stable(one.body)) for one in answers}) > 1:
            wrong.append(f"key {key} of {path} was answered in {len(answers)} different ways")
        if len({one.sent for one in answers}) > 1:
            wrong.append(f"key {key} of {path} was answered for two bodies")
    return len(by_key), wrong


def _stable(body):
    """An answer without what may be another one each time: the request's number, and secrets that end with their session."""
    passing = {"request_id", "hosted_fields", "client_secret"}
    return json.dumps({name: value for name, value in body.items() if name not in passing}, sort_keys=True)


#: I16 and the second sweep of I4 act on the stack: they are in faults_judge.py. I11 to I13 come with what they are about.
INVARIANTS = {
    "I1": at_most_one_sale,
    "I2": answered_is_sold,
    "I3": acknowledged_is_kept,
    "I4": same_on_both_sides,
    "I5": no_orphans,
    "I6": journal_is_whole,
    "I7": no_card_data,
    "I8": no_step_back,
    "I9": answers_in_time,
    "I10": nobody_else_was_called,
    "I14": no_change_without_entry,
    "I15": same_key_same_answer,
}
