"""dj-stripe's webhook under Django, as its documentation has it. Started in an environment of its own; `python djstripe_app.py` makes its tables and its endpoint.

Settings: BENCH_DATABASE_URL (with its socket's folder as `host`), BENCH_KEY. The endpoint is /webhook/<ENDPOINT>/.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

import django
import stripe
from django.conf import settings
from django.core.wsgi import get_wsgi_application

ENDPOINT = "6b1f9d0a-3c52-4f7e-8a41-0d9c5e7b2f10"
_URL = urlsplit(os.environ["BENCH_DATABASE_URL"])
_QUERY = parse_qs(_URL.query)

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=os.environ["BENCH_KEY"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _URL.path.strip("/"),
            "USER": _URL.username,
            "PASSWORD": _URL.password,
            "HOST": _QUERY["host"][0],
            "PORT": _QUERY["port"][0],
            "CONN_MAX_AGE": 600,
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "djstripe"],
    ROOT_URLCONF="djstripe.urls",
    USE_TZ=True,
    STRIPE_TEST_SECRET_KEY="sk_test_" + "0" * 24,
    STRIPE_LIVE_MODE=False,
    DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    LOGGING_CONFIG=None,
    MIGRATION_MODULES={
        "contenttypes": None,
        "auth": None,
        "djstripe": None,
    },  # the same tables at once, not in 100 steps
)
django.setup()
stripe.api_base = "http://127.0.0.1:9"  # nobody: a call to Stripe would fail, and none is made
application = get_wsgi_application()


def main() -> None:
    """The tables, and the endpoint that knows the key."""
    from django.core.management import call_command
    from djstripe.models import Account, APIKey, WebhookEndpoint

    call_command("migrate", verbosity=0, run_syncdb=True)
    account, _ = Account.objects.get_or_create(id="acct_bench", defaults={"livemode": False})
    secret = settings.STRIPE_TEST_SECRET_KEY  # known to be that account's: else Stripe would be asked whose it is
    APIKey.objects.get_or_create(
        secret=secret, defaults={"type": "secret", "livemode": False, "djstripe_owner_account": account}
    )
    WebhookEndpoint.objects.get_or_create(
        id="we_bench",
        defaults={
            "secret": os.environ["BENCH_KEY"],
            "url": "https://billing.example.org/",
            "enabled_events": ["*"],
            "status": "enabled",
            "livemode": False,
            "djstripe_uuid": ENDPOINT,
            "djstripe_owner_account": account,
        },
    )


if __name__ == "__main__":
    main()
