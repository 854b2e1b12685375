"""Named moments of the work at which a process may die: here a test build can hold a process still, to end it there and nowhere else.

In a shipped service nobody listens, and nothing happens. Names are stable: `<call>.sent` and `<call>.answered` for each call to BlueSnap, by the
client's method (`create_subscription.sent`: the request has left, no byte of the answer is read), `<act>.committed` for each act of the journal
(`signup.active.committed`), and the few that stand where they are reached.
"""

from __future__ import annotations

from collections.abc import Callable

#: A request was read, and the app hears of it; it has passed its lock and its validation; its answer is written to the client.
REQUEST_READ, REQUEST_VALIDATED, ANSWER_WRITTEN = "request.read", "request.validated", "answer.written"
#: The answer is kept under its idempotency key, or the key given back, committed.
KEY_KEPT = "key.kept"
#: A notice is in the inbox with its effect, committed, and not yet acknowledged.
NOTICE_COMMITTED = "notice.committed"
#: The platform has taken an event, which is not yet marked; it is marked, committed.
EVENT_ANSWERED, EVENT_MARKED = "event.answered", "event.marked"

_listener: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """The work has come to this point."""
    if _listener is not None:
        _listener(name)


def listen(listener: Callable[[str], None]) -> None:
    """Call this at every point, in the thread that reaches it. For test builds alone."""
    global _listener  # noqa: PLW0603 - one for the process, set before anything runs
    _listener = listener


def armed() -> bool:
    """Whether somebody listens: settings that are not the simulator's are refused then."""
    return _listener is not None
