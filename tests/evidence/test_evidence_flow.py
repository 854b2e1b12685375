"""The picture of the data flow: every route and every host of the settings has its place, nothing overlaps, no secret is in it."""

from __future__ import annotations

import dataclasses
import itertools
import xml.etree.ElementTree as ET

import pytest

from service import config
from service.evidence import entrances, flow
from tests.support.tools import environ_of

ROUTES = entrances.operations(entrances.read())
SVG = "{http://www.w3.org/2000/svg}"


def settings(**changed):
    return config.load(environ_of(**changed))


def drawn(routes=ROUTES, **changed):
    return flow.draw(routes, settings(**changed))


def texts(picture):
    return ["".join(one.itertext()) for one in ET.fromstring(picture.svg).iter(f"{SVG}text")]


def test_every_route_of_the_service_stands_in_the_picture_once():
    picture = drawn()
    assert picture.unplaced == ()
    shown = [" ".join(text.split()) for text in texts(picture)]
    assert [route.name for route in ROUTES if shown.count(route.name) != 1] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"group": "exports"},
        {"group": "", "locks": ()},
        {"group": "accounts", "locks": ()},
        {"group": "operations", "locks": ("api_key",)},
        {"group": "webhooks", "locks": ("bluesnap_signature", "password")},
    ],
)
def test_route_of_no_group_or_with_a_foreign_lock_is_a_finding(changed):
    stray = dataclasses.replace(ROUTES[0], method="GET", path="/v1/exports", **changed)
    picture = drawn([*ROUTES, stray])
    assert picture.unplaced == ("GET /v1/exports has no group",)


def test_setting_that_names_a_host_which_nobody_draws_is_a_finding(monkeypatch):
    monkeypatch.setattr(flow, "HOSTS", flow.HOSTS - {"events_url"})
    assert drawn().unplaced == ("PANLESS_EVENTS_URL has no place",)


def test_hosts_of_the_settings_stand_in_the_picture_and_passwords_do_not():
    picture = drawn(
        bluesnap_url="http://127.0.0.1:7001",
        hosted_fields_url="http://localhost:7002",
        database_url="postgresql://panless:geheim-geheim@db.example:5433/panless",
        events_url="https://shop.example/hear",
        events_secrets="whsec_" + "A" * 32,
    )
    shown = texts(picture)
    for host in ("127.0.0.1:7001", "localhost:7002", "db.example:5433", "shop.example"):
        assert host in shown
    assert "geheim" not in picture.svg
    assert "whsec" not in picture.svg


def test_text_of_a_setting_is_escaped_in_the_picture():
    routes = [dataclasses.replace(ROUTES[0], path="/<script>&")]
    assert "<script>" not in drawn(routes).svg
    assert "GET /<script>&" in [" ".join(text.split()) for text in texts(drawn(routes))]


def boxes(picture):
    found = []
    for one in ET.fromstring(picture.svg).iter(f"{SVG}rect"):
        if one.get("class") not in {"paper", "frame"}:
            x, y, width, height = (float(one.get(name)) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


@pytest.mark.parametrize("routes", [ROUTES, ROUTES[:1], ROUTES * 2])
def test_boxes_do_not_overlap_however_many_routes_there_are(routes):
    picture = drawn(routes)
    height = float(ET.fromstring(picture.svg).get("viewBox").split()[3])
    for one, other in itertools.combinations(boxes(picture), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    assert all(box[3] < height and box[2] < 1240 for box in boxes(picture))


def test_longest_route_fits_its_box():
    assert max(len(route.path) for route in ROUTES) + 7 <= 58  # of 6.3 units each, in 366
