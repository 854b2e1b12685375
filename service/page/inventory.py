"""What the page that takes payments may run, frame and call: one table, which is its content-security policy and its script inventory (PCI DSS 6.4.3) in one.

Must never hold a host without its purpose, nor one that BlueSnap or we do not need.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.config import Environment

#: The script of the hosted fields, below their origin (bluesnap/hosted-fields.md section 3).
SCRIPT = "/web-sdk/5/bluesnap.js"
SELF = "'self'"
#: Stands for a value that the page's server makes anew for every answer.
NONCE = "'nonce-{nonce}'"
_FIELDS, _API = "{fields}", "{api}"
_SANDBOX, _PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
#: Where the hosted fields come from if no setting says otherwise (bluesnap/hosted-fields.md section 3).
USUAL_FIELDS = {
    Environment.SIMULATOR: "http://localhost:8091",
    _SANDBOX: "https://sandpay.bluesnap.com",
    _PRODUCTION: "https://pay.bluesnap.com",
}


class Profile(enum.StrEnum):
    """Which page: one that takes cards without 3-D Secure, or one that runs a bank's challenge too."""

    PLAIN = "plain"
    THREE_D_SECURE = "three_d_secure"


class Confidence(enum.StrEnum):
    """How a host is known. BlueSnap publishes no whole list (bluesnap/README.md, the tags D, C and I)."""

    DOCUMENTED = "D"
    CLIENTS = "C"
    INFERRED = "I"
    OWN = "own"


class Approval(enum.StrEnum):
    """What has to be approved, by name, date and reason. The approvals themselves are in the file that page-check writes."""

    EACH_FILE = "each script, by its SHA-256"
    HOST_AND_FILE = "the host; and the script's SHA-256, again whenever it changes"
    HOST = "the host"
    NOTHING = "nothing: it is the page's own, or Panless"


@dataclass(frozen=True)
class Deployment:
    """Where the page gets its parts from: `fields` is the origin of the hosted fields, `api` that of Panless as the page calls it."""

    environment: Environment
    fields: str
    api: str


@dataclass(frozen=True)
class Row:
    """One line of the table. `hosts` are sources as a policy writes them; `script` is a path below the host, where one is known."""

    name: str
    hosts: Mapping[Environment, Sequence[str]]
    directives: tuple[str, ...]
    purpose: str
    approval: Approval
    confidence: Confidence
    script: str = ""
    profile: Profile = Profile.PLAIN


def _everywhere(host: str) -> Mapping[Environment, Sequence[str]]:
    return dict.fromkeys(Environment, (host,))


def _outside_the_simulator(*hosts: str) -> Mapping[Environment, Sequence[str]]:
    return {_SANDBOX: hosts, _PRODUCTION: hosts}


TABLE: tuple[Row, ...] = (
    Row(
        "own_scripts", _everywhere(NONCE), ("script-src",),
        "the page's own scripts, and the modules that they import; each carries the answer's nonce",
        Approval.EACH_FILE, Confidence.OWN,
    ),
    Row(
        "own_styles", _everywhere(NONCE), ("style-src",),
        "the page's own style sheets; each carries the answer's nonce", Approval.NOTHING, Confidence.OWN,
    ),
    Row(
        "own_rest", _everywhere(SELF), ("img-src", "connect-src", "form-action"),
        "the page's own pictures, and calls and forms to its own server", Approval.NOTHING, Confidence.OWN,
    ),
    Row(
        "panless", _everywhere(_API), ("connect-src",),
        "Panless: completing, renewing and reading the checkout session", Approval.NOTHING, Confidence.OWN,
    ),
    Row(
        "fields_script", _everywhere(_FIELDS), ("script-src",),
        "BlueSnap's script, which mounts the card fields", Approval.HOST_AND_FILE, Confidence.DOCUMENTED, script=SCRIPT,
    ),
    Row(
        "fields_frames", _everywhere(_FIELDS), ("frame-src",),
        "the three frames that the card is typed into; nothing else may see it", Approval.HOST, Confidence.DOCUMENTED,
    ),
    Row(
        "fields_calls", _outside_the_simulator(_FIELDS), ("connect-src",),
        "calls of BlueSnap's script to its own host", Approval.HOST, Confidence.INFERRED,
    ),
    Row(
        "bluesnap_calls",
        {
            _SANDBOX: ("https://sandbox.bluesnap.com",),
            _PRODUCTION: ("https://ws.bluesnap.com", "https://ws1.bluesnap.com", "https://ws2.bluesnap.com"),
        },
        ("connect-src",),
        "calls of BlueSnap's script to its API", Approval.HOST, Confidence.INFERRED,
    ),
    Row(
        "device_data", {_SANDBOX: ("https://sandbox.bluesnap.com",), _PRODUCTION: ("https://ws.bluesnap.com",)},
        ("frame-src", "img-src"),
        "device data against fraud: a frame and a picture that say which browser this is", Approval.HOST, Confidence.DOCUMENTED,
        script="/servlet/logo.htm",
    ),
    Row(
        "device_data_kount", _outside_the_simulator("https://*.kaptcha.com", "https://*.kount.net"),
        ("frame-src", "img-src"),
        "Kount, whom BlueSnap's device data is gathered by", Approval.HOST, Confidence.INFERRED,
    ),
    Row(
        "three_d_secure_cardinal",
        _outside_the_simulator("https://*.cardinalcommerce.com", "https://*.cardinaltrusted.com"),
        ("script-src", "connect-src", "frame-src"),
        "Cardinal Commerce, which runs the banks' challenges for BlueSnap", Approval.HOST_AND_FILE, Confidence.INFERRED,
        profile=Profile.THREE_D_SECURE,
    ),
    Row(
        "three_d_secure_banks", _everywhere("https:"), ("frame-src", "form-action"),
        "the challenge pages of the banks that issued the cards, which stand on hosts of their own; nobody can list them",
        Approval.HOST, Confidence.DOCUMENTED,
        profile=Profile.THREE_D_SECURE,
    ),
)  # fmt: skip


def rows(deployment: Deployment, profile: Profile) -> list[Row]:
    """The lines that count there."""
    asked = {Profile.PLAIN, profile}
    return [row for row in TABLE if row.profile in asked and hosts_of(row, deployment)]


def hosts_of(row: Row, deployment: Deployment) -> tuple[str, ...]:
    """A line's sources with the deployment's own origins in their places."""
    own = {_FIELDS: deployment.fields, _API: deployment.api}
    return tuple(own.get(host, host) for host in row.hosts.get(deployment.environment, ()))


def known_scripts(deployment: Deployment, profile: Profile) -> list[str]:
    """The addresses of the scripts that are loaded from other hosts under a known name."""
    lines = [row for row in rows(deployment, profile) if row.script and "script-src" in row.directives]
    return [host + row.script for row in lines for host in hosts_of(row, deployment)]


def described(deployment: Deployment, profile: Profile) -> list[dict[str, str]]:
    """The table as an assessor reads it, one line for each host."""
    return [
        {
            "host": host, "directives": " ".join(row.directives), "script": row.script, "purpose": row.purpose,
            "approval": row.approval.value, "confidence": row.confidence.value, "profile": row.profile.value,
        }
        for row in rows(deployment, profile)
        for host in hosts_of(row, deployment)
    ]  # fmt: skip
