"""Mistakes that somebody might make, planted in the service to show that the suite finds them. A tool of tests alone: `--bug NAME` of testbuild.

They are planted in the master before it forks. What is wrong leaves a mark in FOLDER/bugs the first time that it does something: a mistake that
was never at work proves nothing.
"""

from __future__ import annotations

from tests.faults import faults_mistakes as about_bluesnap
from tests.faults import faults_mistakes_state as about_state

#: Of the ten of the list these cannot be planted: what they would break is not there.
NOT_YET = {
    "chain_without_checkpoint": "the journal is not chained by hashes, and nothing signs checkpoints of it, until issue 6"
}


def were_used(folder):
    """The mistakes that were made on the stack with this folder of holds."""
    return {mark.name for mark in (folder / "bugs").glob("*")}


def hurry():
    """No mistake: the worker looks every second, so that its rounds need not be waited for."""
    from service import jobs

    jobs.EVERY_SECONDS = 1


def scan_breaks():
    """The gate's scan falls over one text, as a mistake in it might."""
    from service.cardguard import detect

    judge = detect.holds_card

    def holds_card(value):
        if b"Zqxunscannable" in (value if isinstance(value, bytes) else value.encode()):
            raise RecursionError(value)
        return judge(value)

    detect.holds_card = holds_card


PLANTED = (
    about_bluesnap.fresh_key,
    about_bluesnap.server_error_is_failure,
    about_bluesnap.broad_except,
    about_bluesnap.no_quiet_period,
    about_bluesnap.repeat_unproven,
    about_bluesnap.refund_without_reservation,
    about_bluesnap.apply_before_commit,
    about_bluesnap.early_acknowledgement,
    about_bluesnap.short_dedup_window,
    about_bluesnap.notice_revives,
    about_state.commit_warning_ignored,
    about_state.app_time_leases,
    about_state.no_fence,
    about_state.key_released_after_unknown,
)
BY_NAME = {bug.__name__: bug for bug in (*PLANTED, hurry, scan_breaks)}


def put_in(names, arguments):
    """Plant them, when all settings are known: in a server when it begins, for what is imported before decides how metrics are shared."""
    chosen = [BY_NAME[name] for name in names]
    if arguments[:1] != ["serve"]:
        for bug in chosen:
            bug()
        return
    from gunicorn.app import wsgiapp

    class Application(wsgiapp.WSGIApplication):
        def run(self):
            for bug in chosen:
                if bug is not hurry:
                    bug()
            super().run()

    wsgiapp.WSGIApplication = Application
