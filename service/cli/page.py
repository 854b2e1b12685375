"""The page that takes payments: the policy to paste, and whether what is deployed is still what was approved.

`page-check` is the one command that calls a host of the operator's choosing; the service itself never does.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.common import FINE, FOUND, Commands, complain, current_settings, say
from service.config import Environment, parsers
from service.errors import SettingsError

if TYPE_CHECKING:
    from service.page import approvals
    from service.page.checking import Check
    from service.page.inventory import Deployment, Profile
    from service.page.snapshot import Snapshot

FORMATS = ("header", "nginx", "meta")
PROFILES = ("plain", "three-d-secure")


def register(commands: Commands) -> None:
    """Add `page-policy` and `page-check`."""
    policy = commands.add("page-policy", print_policy)
    _about(policy)
    policy.add_argument("--format", choices=FORMATS, default="header", help="how to write it; `header` by default")
    policy.add_argument("--report-only", action="store_true", help="stop nothing, only report: for trying it out")
    policy.add_argument("--inventory", action="store_true", help="the table: host, script, purpose, approval")
    check = commands.add("page-check", check_page)
    _about(check)
    check.add_argument("url", metavar="URL", help="the deployed page, by https")
    check.add_argument("--approved", type=Path, required=True, metavar="FILE", help="the file of approvals")
    check.add_argument("--approve", action="store_true", help="approve the page as it is now: write the file")
    check.add_argument("--by", default="", metavar="NAME", help="who approves")
    check.add_argument("--reason", default="", metavar="TEXT", help="why what is new belongs there")
    check.add_argument("--ca", type=Path, metavar="FILE", help="authorities to trust in place of the usual ones (PEM)")


def _about(parser: argparse.ArgumentParser) -> None:
    """What the table depends on."""
    parser.add_argument(
        "--profile", choices=PROFILES, default="plain", help="`three-d-secure` for pages with challenges"
    )
    parser.add_argument("--api", metavar="URL", help="Panless as the page calls it; PANLESS_PUBLIC_URL if not given")
    parser.add_argument("--report", metavar="URL", help="where violations go; Panless' own address if not given")
    parser.add_argument(
        "--environment", choices=list(Environment), help="with --api: ask no setting; the usual hosts of BlueSnap"
    )


def print_policy(arguments: argparse.Namespace) -> int:
    """Print the headers of the payment page, or the inventory of its scripts; the policy is made of that table."""
    from service.page import inventory, policy

    deployment, report = _deployment(arguments)
    profile = _profile(arguments)
    if arguments.format == "meta" and arguments.report_only:
        return complain("a policy in a <meta> element cannot be one that only reports; use --format header")
    table = inventory.described(deployment, profile)
    found = policy.headers(deployment, profile, report, tried=arguments.report_only)
    said = policy.notes(profile)
    data = {
        "environment": deployment.environment.value, "profile": profile.value, "headers": found, "notes": said, "inventory": table,
    }  # fmt: skip
    say(arguments, data, _as_table(table) if arguments.inventory else _as_text(arguments.format, found, said))
    return FINE


def _as_text(form: str, found: dict[str, str], said: list[str]) -> str:
    from service.page import policy

    if form == "meta":
        lines = [f"<!-- {one} -->" for one in (*said, policy.ABOUT_META)]
        return "\n".join([*lines, policy.as_meta(found)])
    more = [policy.ABOUT_NGINX] if form == "nginx" else []
    written = policy.as_nginx(found) if form == "nginx" else policy.as_headers(found)
    return "\n".join([*(f"# {one}" for one in (*said, *more)), "", written])


def _as_table(table: list[dict[str, str]]) -> str:
    lines = [
        f"{row['host']}{row['script']}\n"
        f"  allowed in    {row['directives']}\n"
        f"  purpose       {row['purpose']}\n"
        f"  to approve    {row['approval']}\n"
        f"  known         {_KNOWN[row['confidence']]}; profile {row['profile']}"
        for row in table
    ]
    return "\n".join(lines)


_KNOWN = {
    "D": "documented by BlueSnap (D)",
    "C": "seen in BlueSnap's own clients (C)",
    "I": "inferred, to be confirmed in the sandbox (I)",
    "own": "the page's own, or Panless",
}


def _profile(arguments: argparse.Namespace) -> Profile:
    from service.page.inventory import Profile

    return Profile(arguments.profile.replace("-", "_"))


def _deployment(arguments: argparse.Namespace) -> tuple[Deployment, str]:
    """What the table stands on, and where reports go. Raises SettingsError."""
    from service.page import inventory, policy

    api = _origin("--api", arguments.api)
    if arguments.environment and api:
        environment = Environment(arguments.environment)
        fields = inventory.USUAL_FIELDS[environment]
    else:
        settings = current_settings()
        environment, fields = settings.environment, settings.hosted_fields_url
        if arguments.environment and arguments.environment != environment:
            raise SettingsError("--environment is another than the settings'; with --api the settings are not asked")
        api = api or settings.public_url
        if api is None and environment is Environment.SIMULATOR:
            api = "http://{}:{}".format(*settings.bind)
    if api is None:
        raise SettingsError("PANLESS_PUBLIC_URL is not set: say with --api under which origin the page calls Panless")
    try:
        report = parsers.address(arguments.report) if arguments.report else api + policy.REPORTS
    except ValueError as error:
        raise SettingsError(f"--report {error}") from None
    if set(report) & set(";,'\""):
        raise SettingsError("--report holds a sign that would end it in a header")
    return inventory.Deployment(environment, fields, api), report


def _origin(option: str, given: str | None) -> str | None:
    try:
        return parsers.origin(parsers.address(given)) if given else None
    except ValueError as error:
        raise SettingsError(f"{option} {error}") from None


def check_page(arguments: argparse.Namespace) -> int:
    """Fetch the deployed payment page and say what differs from what was approved, or is less strict than the table."""
    from service.page import approvals, checking, fetching, snapshot

    if arguments.approve and not (arguments.by.strip() and arguments.reason.strip()):
        return complain("an approval needs --by and --reason")
    deployment, report = _deployment(arguments)
    profile = _profile(arguments)
    try:
        before = approvals.load(arguments.approved)
        fetcher = fetching.Fetcher(ca_file=str(arguments.ca or ""))
        taken = snapshot.take(fetcher, arguments.url, deployment, profile)
        check = checking.Check(taken, deployment, profile, report)
        if arguments.approve:
            before = _approve(arguments, taken, before)
    except fetching.UnreadError as error:
        return complain(f"the page could not be fetched: {error}")
    except approvals.ApprovalsError as error:
        return complain(str(error))
    except OSError:
        return complain("the file of --ca cannot be read")
    return _tell(arguments, taken, check, before)


def _approve(
    arguments: argparse.Namespace, taken: Snapshot, before: approvals.Approved | None
) -> approvals.Approved | None:
    """Write the file and read it back. Raises ApprovalsError; also where something was not read, for nobody can approve that."""
    from service import wiring
    from service.page import approvals

    if taken.unread:
        raise approvals.ApprovalsError("what could not be read cannot be approved: " + ", ".join(sorted(taken.unread)))
    now = wiring.system_clock().isoformat(timespec="seconds").replace("+00:00", "Z")
    approval = approvals.Approval(arguments.by.strip(), now, arguments.reason.strip())
    approvals.save(arguments.approved, approvals.approve(taken, approval, before))
    return approvals.load(arguments.approved)


def _tell(arguments: argparse.Namespace, taken: Snapshot, check: Check, approved: approvals.Approved | None) -> int:
    found = check.findings(approved)
    last = approved.last if approved is not None else None
    data = {
        "url": taken.url,
        "approved": asdict(last) if last is not None else None,
        "policy": [asdict(one) for one in check.policy()],
        "headers": taken.headers,
        "scripts": [asdict(one) for one in taken.scripts],
        "findings": [asdict(one) for one in found],
    }
    lines = [f"{one.word:18} {one.subject}: {one.text}" for one in found]
    seen = f"{len(taken.scripts)} scripts and {len(taken.headers)} security headers"
    if last is not None:
        seen += f"; last approved by {last.by} at {last.at}: {last.reason}"
    say(arguments, data, "\n".join([*lines, f"{len(found) or 'nothing'} found in {seen}"]))
    return FOUND if found else FINE
