"""Signs what is told to the platform, as Standard Webhooks says. Must never put a secret into anything but the digest.

The specification: standardwebhooks.com, "Signature scheme", symmetric signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime


def signed_headers(event_id: str, moment: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of one attempt. `moment` is when it is made, so that a receiver can refuse what was recorded and sent again later.

    There is one signature for each secret, newest first, so that the receiver may change over to the newest at any moment between.
    """
    timestamp = str(int(moment.timestamp()))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
