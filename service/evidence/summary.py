"""Says in few words what was tried where: places that all operations have are named once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.evidence import entrances

_PLURALS = {
    entrances.PATH: "path",
    entrances.QUERY: "query",
    entrances.FIELD: "fields",
    entrances.FIELD_NAME: "names of fields in",
    entrances.HEADER: "headers",
    "parameter": "parameters",
}
_ALONE = {entrances.QUERY_NAME: "names of query parameters", entrances.HEADER_NAME: "names of headers"}
Group = Mapping[str, Any]


def of(groups: Sequence[Group]) -> dict[str, Any]:
    """`everywhere`, the places that every operation has, and `ways`, each group with the lines of its own places."""
    operations = [set(one["places"]) for one in groups if one["name"].partition(" ")[0].lower() in entrances.METHODS]
    common = set.intersection(*operations) if len(operations) > 1 else set()
    named = [place for place in (groups[0]["places"] if groups else ()) if place in common]
    ways = [
        {
            "name": one["name"],
            "entrances": len(one["places"]),
            "attempts": one["attempts"],
            "lines": _lines([place for place in one["places"] if place not in common]),
        }
        for one in groups
    ]
    return {"everywhere": "; ".join(_by_kind(named)), "ways": ways}


def _lines(places: Sequence[str]) -> list[str]:
    """Places under heads (`service · method`) are put together where their heads have the same ones."""
    under: dict[str, list[str]] = {}
    for place in places:
        head, separator, rest = place.partition(" · ")
        under.setdefault(head if separator else "", []).append(rest if separator else place)
    if len(under) == 1:
        return [_told((), rests) for rests in under.values() if rests]
    together: dict[tuple[str, ...], list[str]] = {}
    for head, rests in under.items():
        together.setdefault(tuple(rests), []).append(head)
    return [_told(heads, rests) for rests, heads in together.items()]


def _told(heads: Sequence[str], rests: Sequence[str]) -> str:
    words = "; ".join(_by_kind(rests))
    return f"{', '.join(heads)}: {words}" if any(heads) else words


def _by_kind(places: Iterable[str]) -> list[str]:
    """`headers A, B` in place of `header A`, `header B`."""
    kinds: dict[str, list[str]] = {}
    for place in places:
        kind = next((one for one in sorted(_PLURALS, key=len, reverse=True) if _is_of(place, one)), "")
        kinds.setdefault(kind, []).append(_ALONE.get(place, place.removeprefix(f"{kind} ")))
    plain = kinds.pop("", [])
    told = [f"{_PLURALS[kind]} {', '.join(names)}" for kind, names in kinds.items()]
    return told + ([", ".join(plain)] if plain else [])


def _is_of(place: str, kind: str) -> bool:
    """Whether a place is a named one of this kind; names hold no blank."""
    return place.startswith(f"{kind} ") and place not in _ALONE and " " not in place.removeprefix(f"{kind} ")
