"""Logging calls that are wrong: formats that do not fit, objects that cannot be shown, values that no field may have."""

# ruff: noqa: PLE1206, G001 - that they are wrong is what they are for
from __future__ import annotations

import json
import logging
import sys

import structlog

from service.telemetry import logs

word = json.load(sys.stdin)["word"]
logs.set_up()
log, ours = logging.getLogger("leaks"), structlog.get_logger()


class Odd:
    def __str__(self):
        raise ValueError(word)

    __repr__ = __str__


log.info("%d of %d", word)
log.warning("%d", word)
log.error("%s %s", word)
log.error("{0}".format(word), word, word)  # noqa: UP030, UP032
log.info(Odd(), Odd())
log.info({"card": word}, extra={"card": word})
log.error("%(card)s", {"cards": word})
log.error(word, exc_info=ValueError(word), stack_info=True)
ours.info(word, account=word, card=word)
ours.error("request.failed", exc_info=ValueError(word), account=Odd(), reason=[word], ms=float("nan"))
ours.error("request.failed %s %d", word)
ours.info("signup.ended", session=word, ms=int(word), count=int(word), route=word, frames=[word], **{word: word})
sys.stdout.write("done\n")
