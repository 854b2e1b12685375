"""Reads arguments, and complains without repeating them: people paste card numbers into the wrong window. Says which argument is wrong, and never its value."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

#: The complaints that name nothing but our own words, the last kind those of our own types; and in the groups those that quote, without what they quote.
_HARMLESS = re.compile(
    r"the following arguments are required: .*|one of the arguments .* is required|argument [^:]+: (?:expected .*|not allowed with .*|[a-z ]{1,60}(?:[0-9]{1,6} to [0-9]{1,6})?)"
)
_QUOTING = (
    re.compile(r"(argument [^:]+: invalid choice): .*( \(choose from .*\))", re.DOTALL),
    re.compile(r"(argument [^:]+: invalid \w+ value): .*()", re.DOTALL),
    re.compile(r"(argument [^:]+: ignored explicit argument) .*()", re.DOTALL),
    re.compile(r"(unrecognized arguments): .*()", re.DOTALL),
)


class Parser(argparse.ArgumentParser):
    """argparse quotes what it does not understand; this one does not. Parsers of its commands are of this class too."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        quoting = (pattern.fullmatch(message) for pattern in _QUOTING)
        found = next((match for match in quoting if match), None)
        told = found[1] + found[2] if found else message if _HARMLESS.fullmatch(message) else "not understood"
        super().error(told)
