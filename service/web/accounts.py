"""The platform's door to accounts: what may an account use now?"""

from __future__ import annotations

from service.billing import accounts
from service.cardguard import formats
from service.errors import Code, Refusal
from service.web.door import Door
from service.web.locks import ApiKey
from service.web.operation import Call, Reply
from service.web.views import AccountOut, account_data

door = Door("accounts")


@door.operation(
    "GET",
    "/v1/accounts/{account}",
    summary="Read an account's access and subscription",
    lock=ApiKey("accounts:read"),
    answers={200: AccountOut},
    problems=(Code.ACCOUNT_MALFORMED,),
)
def read_account(call: Call, account: str) -> Reply:
    """An account never seen is on the free plan."""
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)
    view = accounts.read(call.tools, account)
    headers = {"ETag": f'"{view.subscription.version}"'} if view.subscription is not None else {}
    return Reply(200, account_data(view), AccountOut, headers)
