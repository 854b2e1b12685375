"""What is refused outside the simulator, where money and people are: all of it before the first request, each in a sentence, and no value in any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from service import crashpoints
from service.config.declarations import Settings
from service.config.declaring import Environment
from service.config.of_logins import PARTS
from service.config.parsers import LOOPBACK
from service.config.weakness import is_made_up, is_weak, repeats

#: bluesnap/api.md section 1 and hosted-fields.md section 3: API hosts, and hosts of the hosted-fields script.
BLUESNAP_HOSTS = {
    Environment.SANDBOX: {"sandbox.bluesnap.com"},
    Environment.PRODUCTION: {"ws.bluesnap.com", "ws1.bluesnap.com", "ws2.bluesnap.com"},
}
SCRIPT_HOSTS = {
    Environment.SANDBOX: {"sandpay.bluesnap.com", "sandbox.bluesnap.com"},
    Environment.PRODUCTION: {"pay.bluesnap.com", "ws.bluesnap.com"},
}
#: Variables that make Python, Flask or gunicorn show or write what nobody may see: tracebacks with values, an access log, the keys of TLS connections.
REVEALING = (
    "FLASK_DEBUG",
    "GUNICORN_CMD_ARGS",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONINSPECT",
    "SSLKEYLOGFILE",
    "WERKZEUG_DEBUG_PIN",
)


def problems(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """All that is wrong here, for an account of BlueSnap's own; more for one that charges."""
    found = [*_of_hosts(settings), *_of_switches(settings, environ)]
    for name, url in settings.urls_of("operator", *PARTS).items():
        found += _of_database(name, url)
    found += _of_secrets(settings)
    return [*found, *_of_production(settings)] if settings.environment is Environment.PRODUCTION else found


def _of_hosts(settings: Settings) -> Iterator[str]:
    if (urlsplit(settings.bluesnap_url).hostname or "") not in BLUESNAP_HOSTS[settings.environment]:
        yield "PANLESS_BLUESNAP_URL is not BlueSnap's host for this environment"
    if (urlsplit(settings.hosted_fields_url).hostname or "") not in SCRIPT_HOSTS[settings.environment]:
        yield "PANLESS_HOSTED_FIELDS_URL is not BlueSnap's script host for this environment"
    if settings.events_url is not None and not settings.events_url.startswith("https:"):
        yield "PANLESS_EVENTS_URL must use https outside the simulator"
    if settings.oidc_issuer is not None and not settings.oidc_issuer.startswith("https:"):
        yield "PANLESS_OIDC_ISSUER must use https outside the simulator"


def _of_switches(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    if crashpoints.armed():
        yield "this is a test build, which can stop at crash points: it is for the simulator alone"
    for name in REVEALING:
        if environ.get(name, "") not in {"", "0"}:
            yield f"{name} is set: it is for a developer's machine, and can show what nobody may see"
    if settings.clock != "system":
        yield "PANLESS_CLOCK must be system outside the simulator"
    if settings.reserved_threads >= settings.threads:
        yield "PANLESS_RESERVED_THREADS must be below PANLESS_THREADS: no thread would be left to speak with BlueSnap"


def _of_database(name: str, text: str) -> Iterator[str]:
    """PostgreSQL's TLS must check whom it speaks with; without verify-full anybody in between could answer. On this machine nobody is in between."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):  # its text quotes the URL
        yield f"{name} is not a URL"
        return
    if _is_here(url):
        return
    if url.query.get("sslmode") != "verify-full":
        yield f"{name} must say sslmode=verify-full: the database is on another machine, and must prove that it is itself"
    if url.password is not None and (is_weak(str(url.password)) or url.password == url.username):
        yield f"{name} has a password that is short or well known"


def _is_here(url: URL) -> bool:
    """Whether all of its hosts are this one or a socket; without a host libpq looks for one elsewhere."""
    named = [url.host] if url.host else []
    for key in ("host", "hostaddr"):
        given = url.query.get(key, ())
        named += [one for text in ([given] if isinstance(given, str) else given) for one in text.split(",")]
    hosts = [name.rpartition(":")[0] if name.count(":") == 1 else name.strip("[]") for name in named]
    return bool(hosts) and all(host in LOOPBACK or host.startswith("/") for host in hosts)


def _of_secrets(settings: Settings) -> Iterator[str]:
    if is_weak(settings.bluesnap_password):
        yield "PANLESS_BLUESNAP_PASSWORD is short or well known"
    if settings.bluesnap_password_other is not None and is_weak(settings.bluesnap_password_other):
        yield "PANLESS_BLUESNAP_PASSWORD_OTHER is short or well known"
    if any(is_weak(key) for key in settings.webhook_keys):
        yield "PANLESS_WEBHOOK_KEYS holds a key that is short or well known"
    named = {
        "SECRET_KEYS": settings.secret_keys,
        "CHECKPOINT_KEYS": settings.checkpoint_keys,
        "ERASURE_KEYS": settings.erasure_keys,
    }
    made = {name: [key for _, key in keys] for name, keys in named.items()}
    for name, keys in made.items():
        if any(is_made_up(key) for key in keys):
            yield f"PANLESS_{name} holds a key that is not 32 random bytes"
    if any(is_made_up(key) for key in settings.events_secrets):
        yield "PANLESS_EVENTS_SECRETS holds a key that is not random"
    others: dict[str, Sequence[object]] = {
        "WEBHOOK_KEYS": settings.webhook_keys,
        "EVENTS_SECRETS": settings.events_secrets,
    }
    for name, held in (made | others).items():
        if repeats(held):
            yield f"PANLESS_{name} holds the same key twice"


def _of_production(settings: Settings) -> Iterator[str]:
    if all(host in LOOPBACK for host in settings.trusted_hosts):
        yield "PANLESS_TRUSTED_HOSTS names nothing but this machine: callers ask for the public name"
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield "PANLESS_TRUSTED_PROXIES holds all addresses: anybody could claim the address of another"
    if any(origin.startswith("http:") for origin in settings.cors_origins):
        yield "PANLESS_CORS_ORIGINS must use https in production"
    if settings.public_url is not None and settings.public_url.startswith("http:"):
        yield "PANLESS_PUBLIC_URL must use https in production"
    if not settings.checkpoint_keys:
        yield "PANLESS_CHECKPOINT_KEYS is empty: nobody could tell our journal from one that was made anew"
    if not settings.erasure_keys:
        yield "PANLESS_ERASURE_KEYS is empty: no account could be erased"
    if settings.archive_url is None:
        yield "PANLESS_ARCHIVE_URL is not set: logs and checkpoints would be on this host alone"
    if not settings.security_contact:
        yield "PANLESS_SECURITY_CONTACT is not set: whoever finds a hole could tell nobody"
