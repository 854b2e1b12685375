"""Every page for people points at what is there: relative links, their headings, and paths that are written as code."""

from __future__ import annotations

import re

import pytest

from tests.architecture.rules import ROOT

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:\.ci|dev|docs|service|simulator|tests)/[\w./-]*)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FINE = "# Page\n\n[there](other.md#other), [here](#page), [web](https://example.test/x), `docs/`\n\n"


def pages():
    """All Markdown files of the project; hidden folders and var/ hold none of ours."""
    folders = [
        path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "var"
    ]
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])


def anchors(text):
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page, target, root):
    name, _, fragment = target.partition("#")
    there = (page.parent / name).resolve() if name else page
    if not there.exists() or root not in (there, *there.parents):
        return False
    return not fragment or fragment in anchors(there.read_text(encoding="utf-8"))


def broken(page, root=ROOT):
    """What a page points at and is not there."""
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))
    links = [target for target in LINK.findall(prose) if not re.match(r"[a-z]+:", target)]
    paths = [path for path in PATH.findall(prose) if not (root / path).exists()]
    return paths + [target for target in links if not leads_somewhere(page, target, root)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_points_at_what_is_there(page):
    assert broken(page) == []


def test_front_page_is_among_the_pages():
    assert ROOT / "README.md" in pages()


@pytest.mark.parametrize(
    "wrong",
    ["[x](gone.md)", "![x](a.png)", "[x](other.md#no)", "[x](#no)", "`docs/gone.md`", "[x](../../etc/hosts)"],
)
def test_each_kind_of_broken_link_is_found(wrong, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "other.md").write_text("# Other\n")
    page = tmp_path / "page.md"
    page.write_text(FINE)
    assert broken(page, tmp_path) == []
    page.write_text(FINE + wrong)
    assert len(broken(page, tmp_path)) == 1
