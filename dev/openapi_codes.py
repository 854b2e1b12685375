"""Which codes an operation may answer with: what follows from its lock, its body, its query and its key, and what it declares itself."""

from __future__ import annotations

from service.errors import Code
from service.web.operation import Operation

#: What every request may be told, whatever it asks for.
ALWAYS = (Code.REQUEST_MALFORMED, Code.CARD_DATA_REFUSED, Code.NOT_READY)
CREDENTIALS = (
    Code.CREDENTIALS_MISSING,
    Code.CREDENTIALS_MALFORMED,
    Code.KEY_UNKNOWN,
    Code.KEY_REVOKED,
    Code.KEY_ENDED,
    Code.SCOPE_MISSING,
)
SECRETS = (
    Code.CREDENTIALS_MISSING,
    Code.CREDENTIALS_MALFORMED,
    Code.CLIENT_SECRET_WRONG,
    Code.CLIENT_SECRET_EXPIRED,
    Code.SESSION_FOREIGN,
    Code.SESSION_NOT_FOUND,
)
IDENTITIES = (
    Code.CREDENTIALS_MISSING,
    Code.CREDENTIALS_MALFORMED,
    Code.IDENTITY_INVALID,
    Code.IDENTITY_EXPIRED,
    Code.IDENTITY_UNAVAILABLE,
    Code.SECOND_FACTOR_MISSING,
    Code.PERSON_UNKNOWN,
    Code.PERSON_LEFT,
    Code.SCOPE_MISSING,
)
OF_SCHEME = {
    "api_key": CREDENTIALS,
    "client_secret": SECRETS,
    "identity": IDENTITIES,
    "bluesnap_signature": (Code.SIGNATURE_INVALID,),
}
OF_BODY = (
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.BODY_TOO_LARGE,
    Code.BODY_MALFORMED,
    Code.DUPLICATE_KEY,
    Code.VALIDATION_FAILED,
    Code.FIELD_UNKNOWN,
    Code.FIELD_MISSING,
    Code.FIELD_MALFORMED,
)
OF_QUERY = (Code.DUPLICATE_KEY, Code.VALIDATION_FAILED, Code.FIELD_UNKNOWN, Code.FIELD_MISSING, Code.FIELD_MALFORMED)
OF_KEY = (
    Code.IDEMPOTENCY_KEY_MISSING,
    Code.IDEMPOTENCY_KEY_MALFORMED,
    Code.IDEMPOTENCY_KEY_REUSED,
    Code.IDEMPOTENCY_KEY_IN_PROGRESS,
)


def codes_of(operation: Operation) -> set[Code]:
    """Every code that an operation may answer with: what its lock, body and key imply, and what it declares."""
    found = {*ALWAYS, *operation.problems}
    for scheme in operation.lock.schemes:
        found |= set(OF_SCHEME[scheme])
    found |= set(OF_BODY) if operation.body is not None else set()
    found |= set(OF_QUERY) if operation.query is not None else set()
    found |= set(OF_KEY) if operation.idempotent else set()
    found |= {Code.BODY_TOO_LARGE} if operation.form else set()
    found |= {Code.OVERLOADED, Code.CLIENT_GONE} if operation.calls_bluesnap else set()
    return found
