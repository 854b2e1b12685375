"""The headers of the page that takes payments, made of the table in inventory.py. Must never allow what the table does not list, nor an inline script without a nonce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.config import Environment
from service.page.inventory import NONCE, Deployment, Profile, hosts_of, rows

#: Where browsers send what the policy stopped, below Panless' origin, and the name of that place in the headers.
REPORTS = "/v1/page-reports"
GROUP = "panless"
POLICY, POLICY_TRIED, ENDPOINTS = (
    "Content-Security-Policy",
    "Content-Security-Policy-Report-Only",
    "Reporting-Endpoints",
)
_NONE = "'none'"
_FROM_TABLE = ("script-src", "style-src", "img-src", "connect-src", "frame-src", "form-action")
_CLOSED = ("base-uri", "object-src", "frame-ancestors")
#: What the nonce is, for whoever pastes it.
ABOUT_NONCE = (
    "{nonce} is a placeholder. For every answer make at least 16 random bytes, write them in base64 in its place, and give each of your own"
    " script elements and style sheet links the attribute nonce with the same value. A value that is used twice protects nothing."
)
ABOUT_META = (
    "In a meta element frame-ancestors has no effect and nothing is reported, so they are left out; the other headers have no such form."
    " Send headers if you can."
)
ABOUT_NGINX = "nginx cannot make a nonce that your page knows: your application answers with the header X-Page-Nonce, and nginx puts it into the policy."
ABOUT_HOSTS = (
    "Hosts marked I in the inventory are inferred: BlueSnap publishes no list. Try the policy in the sandbox with the option report-only first,"
    " and see what is reported."
)
_WHY_WIDER = (
    "This profile is wider. A bank's challenge page stands on a host of the bank's, BlueSnap says that these cannot be listed, and so frame-src"
    " and form-action allow every https host."
)
_NO_BOUND = (
    "Given up: a script that gets to run in the page can frame a false card form from any https host, and can send what it reads to any https"
    " host, in a form or in the address of a frame. The plain profile stops both."
)
#: What a profile gives up, in words that can stand in a risk assessment.
GIVES_UP: Mapping[Profile, Sequence[str]] = {
    Profile.PLAIN: (),
    Profile.THREE_D_SECURE: (
        _WHY_WIDER,
        _NO_BOUND,
        "Given up: the hosts of Cardinal Commerce may run scripts in the page, whatever they send.",
        "Kept: scripts run only with the nonce or from the hosts listed, and nothing of the page's own can be framed by others.",
        "Use it on the page that runs challenges and nowhere else.",
    ),
}
_ALWAYS = {
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_TLS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def directives(
    deployment: Deployment, profile: Profile, report: str, *, nonce: str = "{nonce}"
) -> dict[str, tuple[str, ...]]:
    """The policy as directives and their sources, in the order in which they are printed. `report` is an address for violations."""
    found: dict[str, tuple[str, ...]] = {"default-src": (_NONE,)}
    lines = rows(deployment, profile)
    for name in _FROM_TABLE:
        sources = [host for row in lines if name in row.directives for host in hosts_of(row, deployment)]
        found[name] = tuple(one.replace(NONCE, f"'nonce-{nonce}'") for one in dict.fromkeys(sources)) or (_NONE,)
    found |= dict.fromkeys(_CLOSED, (_NONE,))
    found["report-uri"] = (report,)
    if _has_endpoints(report):
        found["report-to"] = (GROUP,)
    return found


def content_policy(deployment: Deployment, profile: Profile, report: str, *, nonce: str = "{nonce}") -> str:
    """The Content-Security-Policy (CSP Level 3)."""
    found = directives(deployment, profile, report, nonce=nonce)
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in found.items())


def headers(deployment: Deployment, profile: Profile, report: str, *, tried: bool = False) -> dict[str, str]:
    """All headers of the page. `tried`: the policy is only reported on and stops nothing, for finding out what BlueSnap needs."""
    found = {POLICY_TRIED if tried else POLICY: content_policy(deployment, profile, report)}
    if _has_endpoints(report):
        found[ENDPOINTS] = f'{GROUP}="{report}"'
    # a bank's challenge may open a window of its own, and tells its opener how it ended
    opener = "same-origin-allow-popups" if profile is Profile.THREE_D_SECURE else "same-origin"
    found |= _ALWAYS | {"Cross-Origin-Opener-Policy": opener}
    # RFC 6797 section 7.2: never over plain HTTP, which the simulator speaks
    return found if deployment.environment is Environment.SIMULATOR else found | _TLS


def _has_endpoints(report: str) -> bool:
    """Browsers know named endpoints by https addresses only; one that meets a name it does not know reports nowhere, not to report-uri."""
    return report.startswith("https://")


def notes(profile: Profile) -> list[str]:
    """What has to be said with the headers."""
    return [ABOUT_NONCE, *GIVES_UP[profile], ABOUT_HOSTS]


def as_headers(found: Mapping[str, str]) -> str:
    """One header a line, for an application or most servers."""
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def as_meta(found: Mapping[str, str]) -> str:
    """The policy as an element for the page's head, without what has no effect there (CSP Level 3, section 3.3)."""
    kept = [
        part
        for part in found[POLICY].split("; ")
        if part.split()[0] not in {"frame-ancestors", "report-uri", "report-to"}
    ]
    return f'<meta http-equiv="{POLICY}" content="{"; ".join(kept)}">'


def as_nginx(found: Mapping[str, str]) -> str:
    """Lines for a `location` of nginx."""
    lines = [f"add_header {name} {_quoted(value)} always;" for name, value in found.items()]
    return "\n".join([*lines, "proxy_hide_header X-Page-Nonce;"])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("{nonce}", "$upstream_http_x_page_nonce") + '"'
