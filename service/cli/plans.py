"""The catalogue at BlueSnap: check, push."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from service.cli.common import FINE, FOUND, Commands, complain, say, tools

if TYPE_CHECKING:
    from service.billing.plans import Pushed


def register(commands: Commands) -> None:
    """Add `plans`."""
    group = commands.group("plans", "the catalogue", "check|push")
    group.add("check", check_plans)
    push = group.add("push", push_plans)
    push.add_argument("--apply", action="store_true", help="make them; without, say what would be made")


def check_plans(arguments: argparse.Namespace) -> int:
    """Compare the catalogue with BlueSnap's plans, by the conditions of DESIGN section 3."""
    from service.billing import plans

    problems = plans.check(tools())
    rows = [{"plan": problem.plan, "problem": problem.what} for problem in problems]
    say(
        arguments,
        rows,
        "\n".join(f"{row['plan']}: {row['problem']}" for row in rows) or "all plans are as they should be",
    )
    return FOUND if problems else FINE


def push_plans(arguments: argparse.Namespace) -> int:
    """Make at BlueSnap the plans to which plans.toml gives no id yet, and say the ids to put there."""
    from service.billing import plans
    from service.errors import BlueSnapError

    our = tools()
    try:
        pushed = plans.push(our, apply=arguments.apply)
    except BlueSnapError as error:
        return complain(f"BlueSnap's plans could not be listed ({error.cause}); nothing was made")
    rows = [
        {
            "plan": one.plan, "version": one.version, "state": one.state.value, "name": one.name,
            "provider_plans": list(one.provider_plans), "reasons": list(one.reasons),
        }
        for one in pushed
    ]  # fmt: skip
    lines = [line for one in pushed for line in _lines(one, our.settings.environment)]
    say(arguments, rows, "\n".join(lines) or "the catalogue has no plan that costs something")
    return FINE if all(one.state in plans.FINE for one in pushed) else FOUND


def _lines(one: Pushed, environment: str) -> list[str]:
    from service.billing.plans import State

    ids = " ".join(one.provider_plans)
    lines = [f'{one.plan} version {one.version}: {one.state} "{one.name}"{" as " if ids else ""}{ids}']
    lines += [f"  {reason}" for reason in one.reasons]
    if one.state in {State.FOUND, State.MADE}:
        lines.append(f'  put into plans.toml, entry {one.plan} version {one.version}: bluesnap.{environment} = "{ids}"')
    return lines
