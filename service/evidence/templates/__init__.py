"""The templates of report and picture, and how they are filled: whatever is put into one is escaped. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _prose(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


_ENVIRONMENT.filters["prose"] = _prose


def render(name: str, values: Mapping[str, Any]) -> str:
    """A template filled with these values. A name that the template uses and that is not there is an error."""
    return _ENVIRONMENT.get_template(name).render(values)
