"""The image holds what serving needs and nothing else, runs as nobody in particular, and starts the service directly."""

from __future__ import annotations

import json
import re

import pytest

from tests.architecture.rules import ROOT

COPIED = {"requirements.txt", "service/", "openapi.yaml", "plans.toml"}
GOOD = """
FROM python:3.11-slim-bookworm AS build
COPY requirements.txt ./
FROM python:3.11-slim-bookworm
COPY --from=build /opt/venv /opt/venv
COPY service/ ./service/
COPY openapi.yaml plans.toml ./
USER 10001:10001
CMD ["python", "-m", "service", "serve"]
"""


def instructions(text):
    """(name, arguments) of each instruction, continuation lines joined, comments dropped."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    return [tuple(line.strip().split(None, 1)) for line in joined.splitlines() if line.strip()]


def copied_from_here(found):
    for name, arguments in found:
        words = [word for word in arguments.split() if not word.startswith("--")]
        if name == "COPY" and "--from=" not in arguments:
            yield from words[:-1]


def wrong_about(text):
    found = instructions(text)
    of = {name: [arguments for other, arguments in found if other == name] for name, _ in found}
    bases = [arguments.split()[0] for arguments in of.get("FROM", [])]
    if len(bases) < 2:
        yield "it has one stage only"
    if not all(re.fullmatch(r"python:3\.11(\.\d+)?-slim-bookworm(@sha256:[0-9a-f]{64})?", base) for base in bases):
        yield f"a base is not pinned: {bases}"
    if not re.fullmatch(r"[1-9][0-9]{3,}(:[0-9]+)?", (of.get("USER") or [""])[-1]):
        yield "it does not end as a numeric user other than root"
    yield from (
        f"{name} is not in exec form"
        for name in ("CMD", "ENTRYPOINT")
        for value in of.get(name, [])
        if not exec_form(value)
    )
    if not of.get("CMD"):
        yield "it has no CMD"
    if set(copied_from_here(found)) != COPIED or "ADD" in of:
        yield f"it copies {sorted(copied_from_here(found))}"
    for name in ("ARG", "ENV"):
        yield from (
            f"{name} {value}"
            for value in of.get(name, [])
            if re.search(r"SECRET|PASSWORD|TOKEN|KEY|PANLESS_ENVIRONMENT", value)
        )


def exec_form(arguments):
    try:
        return isinstance(json.loads(arguments), list)
    except ValueError:
        return False


def test_image_holds_only_what_serving_needs_and_runs_unprivileged():
    assert not list(wrong_about((ROOT / "Dockerfile").read_text()))


def test_context_of_the_image_is_closed_but_for_what_it_copies():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == COPIED


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("python:3.11-slim-bookworm AS build", "python:latest AS build"),
        ("USER 10001:10001", "USER root"),
        ("USER 10001:10001", "USER 0"),
        ('CMD ["python", "-m", "service", "serve"]', "CMD python -m service serve"),
        ("COPY service/ ./service/", "COPY . ./"),
        ("USER 10001:10001", "ENV PANLESS_BLUESNAP_PASSWORD=x\nUSER 10001:10001"),
        ("USER 10001:10001", "ENV PANLESS_ENVIRONMENT=production\nUSER 10001:10001"),
    ],
)
def test_each_bad_dockerfile_is_found(good, bad):
    assert not list(wrong_about(GOOD))
    assert good in GOOD
    assert list(wrong_about(GOOD.replace(good, bad)))
