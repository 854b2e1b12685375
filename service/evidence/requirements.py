"""The requirements of PCI DSS 4.0.1 that a run bears on: what it shows of each, and what it does not. In our own words; the official text decides."""

from __future__ import annotations

from dataclasses import dataclass

CAVEAT = (
    "Numbers and meanings are given in our words and from public material. Check each against the official text of PCI DSS 4.0.1, and the questionnaire"
    " that applies to you with your assessor, before you rely on it. A run supports an assessment; it is none."
)


@dataclass(frozen=True)
class Requirement:
    """One requirement: its number, what it asks, what a run shows, what it does not show."""

    number: str
    asks: str
    shows: str
    shows_not: str


REQUIREMENTS = (
    Requirement(
        "1.2.4",
        "A current picture of all flows of account data, over systems and networks.",
        "The picture in this report, drawn from the routes of the running service and the hosts in its settings; a route or host without a place fails the run.",
        "Your network: proxy, load balancer, the signup page's host, where logs and backups go.",
    ),
    Requirement(
        "3.2.1",
        "Keep as little account data as possible, for no longer than needed, and check that.",
        "No table, file, log or backup of the copy holds a card number after it was sent in everywhere; every text column refuses one.",
        "Data that came into your own systems on another way, and your policy on keeping it.",
    ),
    Requirement(
        "3.3.1, 3.3.1.1 to 3.3.1.3",
        "No sensitive authentication data is kept after authorization: track data, security code, PIN.",
        "Little: a run sends card numbers. Track data and security codes are sent by the leak suite (`make leaks`), to the same gate and the same sinks.",
        "What BlueSnap keeps; whether the signup page was changed to have fields of its own.",
    ),
    Requirement(
        "3.4.1, 3.4.2",
        "Card numbers are masked where they are shown, and cannot be copied away by remote access.",
        "No answer, log or command showed one. The search sees eight digits in a row and more.",
        "Brand and last four digits, which the service shows live from BlueSnap; what your own pages and your staff's tools at BlueSnap show.",
    ),
    Requirement(
        "3.5.1, 3.5.1.1",
        "Stored card numbers are unreadable; hashes of them are keyed.",
        "There are none to make unreadable: tables, their files, write-ahead log, its archive, a base backup and logs were searched.",
        "Hashes, which no search recognises; backups and archives that you keep elsewhere.",
    ),
    Requirement(
        "4.2.1",
        "Strong cryptography whenever card numbers cross open networks.",
        "None was found in what the service sent to BlueSnap or to the platform.",
        "TLS of your proxy and of the signup page: the copy speaks plain HTTP on loopback.",
    ),
    Requirement(
        "6.2.4",
        "Software is made so that common attacks do not work: injection, abuse of input, leaking of data.",
        "Every field, header and parameter was tried with card numbers and markers, also in requests that are not HTTP; answers and logs repeated nothing of it.",
        "A penetration test, and attacks of other kinds.",
    ),
    Requirement(
        "6.4.3",
        "Scripts of the payment page: each authorised, its integrity assured, listed with its reason.",
        "Nothing: a run has no payment page. `page-policy` and `page-check` are made for this.",
        "Which scripts your page really runs.",
    ),
    Requirement(
        "6.5.5, 6.5.6",
        "No live card numbers in tests; test data is gone before production.",
        "Only published test numbers are used, in a private copy that is deleted afterwards.",
        "Your own test systems.",
    ),
    Requirement(
        "8.6.2",
        "Passwords of system accounts stand in no script, file or log in clear.",
        "API key, client secret, payment-fields token, webhook key, passwords and secret keys were searched for like card numbers, and found only where they belong.",
        "Where you keep the settings, and who can read them.",
    ),
    Requirement(
        "10.2.1, 10.2.2",
        "Access and actions are logged, with who, what, when, from where, and the result.",
        "That logs hold none of what was sent.",
        "That the trail is complete, which other tests check; the logs of proxy, host and database.",
    ),
    Requirement(
        "10.3.1 to 10.3.4",
        "Logs are read by few, changed by nobody, copied away at once, watched.",
        "That logs and journal hold nothing of what was sent that would make them dangerous to copy.",
        "Rights, copying and alarms where you run it.",
    ),
    Requirement(
        "11.3.1, 11.3.2",
        "Scans for flaws from inside, and by an approved vendor (ASV) from outside.",
        "Nothing.",
        "Both scans.",
    ),
    Requirement("11.4", "Penetration tests.", "Nothing; it may save the testers time.", "The tests."),
    Requirement(
        "11.5.2",
        "Changes to critical files are noticed.",
        "The digest of the code that was tried: compare it with the one that you run.",
        "Watching the files of your hosts.",
    ),
    Requirement(
        "11.6.1",
        "Changes of the payment page's headers and scripts, as the browser gets them, are noticed.",
        "Nothing; see `page-check`.",
        "The deployed page.",
    ),
    Requirement(
        "12.5.2",
        "The scope is confirmed at least once a year.",
        "Where account data was looked for in this system, and that it was not found.",
        "Every other system of yours.",
    ),
    Requirement(
        "12.10.7",
        "Somebody acts when card numbers are found where they should not be.",
        "Nothing. The plan is docs/incident.md, and a timed drill of it is a part of `make faults`; in production a canary knocks every hour, and `scan` searches.",
        "Your alarms, your people, and a drill with them.",
    ),
)
#: What no run of this kind can show, whatever its result.
NOT_SHOWN = (
    "The proxy with TLS in front of the service: its log, its buffers, its limits.",
    "The host of the signup page and the scripts on it.",
    "Backups, standbys and log copies: where yours are, and what is in them.",
    "BlueSnap itself: a simulator stood in its place.",
    "Numbers that nothing can recognise: spelled in words, with letters for digits, split over several requests, enciphered.",
    "The database and the settings that you run: the copy had its own.",
    "A penetration test, and a scan by an approved vendor.",
)
