"""What a page's HTML loads and holds, however it is written."""

from __future__ import annotations

import time

import pytest

from service.page.reading import imports, read

pytestmark = pytest.mark.long

URL = "https://shop.example/pay/checkout"
HERE = "https://shop.example/pay/"


def loaded(html):
    return [one.url for one in read(html, URL).loaded]


def inline(html):
    return [(one.where, one.text) for one in read(html, URL).inline]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<script src="a.js"></script>', f"{HERE}a.js"),
        ("<SCRIPT SRC=/a.js></SCRIPT>", "https://shop.example/a.js"),
        ('<script type="module" src="./a.js"></script>', f"{HERE}a.js"),
        ('<script type=" TEXT/JavaScript " src="//x.example/a.js">', "https://x.example/a.js"),
        ('<script src="a.js"/>', f"{HERE}a.js"),
        ('<script/src="a.js">', f"{HERE}a.js"),
        ('<svg><script href="a.js" /></svg>', f"{HERE}a.js"),
        ('<svg><script xlink:href="a.js"></script></svg>', f"{HERE}a.js"),
        (
            '<base href="https://x.example/y/"><base href="https://z.example/"><script src="a.js">',
            "https://x.example/y/a.js",
        ),
        ('<link rel="modulepreload" href="a.js">', f"{HERE}a.js"),
        ('<link rel="x Preload" as="script" href="a.js">', f"{HERE}a.js"),
        ('<script src="a.js" src="b.js">', f"{HERE}a.js"),
        ('<script src="&#97;.js">', f"{HERE}a.js"),
        ('<script src="http://[">', "http://["),
    ],
)
def test_script_with_an_address_is_found(html, url):
    assert loaded(html) == [url]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<script>run()</script>", [("script", "run()")]),
        ("<script>a\r\nb</script>", [("script", "a\nb")]),
        ("<script/>run()</script>", [("script", "run()")]),
        ("<script>never_closed_and_so_never_run()", []),
        ("<script>if (a < b && c) '<b>'</script>", [("script", "if (a < b && c) '<b>'")]),
        ('<script type="importmap">{}</script>', [("script", "{}")]),
        ('<p onclick="run()" data-on="x">', [("onclick", "run()")]),
        ('<a href=" java\nscript:run()">', [("href", " java\nscript:run()")]),
        ('<form action="JavaScript:run()">', [("action", "JavaScript:run()")]),
        ('<iframe src="javascript:run()">', [("src", "javascript:run()")]),
        ("<script> </script>", []),
        ('<script type="application/json">{"a": 1}</script>', []),
        ('<script src="a.js">ignored()</script>', []),
        ("<p title='onclick'>javascript:run()</p>", []),
    ],
)
def test_script_in_the_page_itself_is_found(html, found):
    assert inline(html) == found


@pytest.mark.parametrize(
    ("html", "hidden"),
    [
        ("<script>1</script><script src=a.js></script>", 0),
        ('<script>document.write("<script >")</script>', 0),
        ('<script type="application/json">{"a": "<script >"}</script>', 0),
        ("<!-- <script src=a.js></script> -->", 1),
        ("<scripture>no script</scripture>", 0),
    ],
)
def test_script_that_only_a_browser_might_see_is_counted(html, hidden):
    assert read(html, URL).hidden == hidden


def test_comment_that_ends_at_once_hides_no_script():
    page = read("<!--><script>run()</script>-->", URL)
    assert page.hidden or page.inline


@pytest.mark.parametrize(
    "element",
    [
        '<input name="card_number">',
        '<input id="cardNumber">',
        '<input autocomplete="cc-number">',
        '<input autocomplete="section-a billing CC-CSC">',
        '<input autocomplete="cc-name">',
        '<select name="x" autocomplete="cc-exp-month">',
        '<input data-bluesnap="encryptedCvv">',
        '<input aria-label="Security code">',
        '<textarea name="cvv"></textarea>',
        '<input name="pan">',
    ],
)
def test_input_for_card_data_is_found(element):
    assert len(read(element, URL).card_inputs) == 1


@pytest.mark.parametrize(
    "element",
    [
        '<input name="first_name" id="first_name" autocomplete="billing given-name" aria-describedby="first_name-error">',
        '<input name="zip" autocomplete="billing postal-code">',
        '<input name="members" type="number" aria-label="Members">',
        '<div data-bluesnap="ccn"></div>',
        '<button data-bluesnap="submitButton">Pay</button>',
        '<select id="country" name="country" autocomplete="billing country"></select>',
    ],
)
def test_input_for_anything_else_is_none_for_card_data(element):
    assert read(element, URL).card_inputs == []


def test_frames_are_found_wherever_they_come_from():
    html = '<iframe src="/a"></iframe><iframe srcdoc="<p>"></iframe><object data="b"></object><embed src="https://x.example/"><iframe src="about:blank">'
    assert read(html, URL).frames == ["https://shop.example/a", "srcdoc", f"{HERE}b", "https://x.example/"]


def test_policies_in_the_page_are_found():
    html = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><meta name=x content=y>"
    assert read(html, URL).policies == ["default-src 'none'"]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('import "./a.js";', ["a.js"]),
        ("import a from \"./a.js\"\nimport * as b from './b.js';", ["a.js", "b.js"]),
        ('import {\n  a,\n  b as c,\n} from "./a.js";', ["a.js"]),
        ('import{a as b}from"./a.js";import"./b.js";x()', ["a.js", "b.js"]),
        ('export * from "./a.js";\nexport { b } from "./b.js";', ["a.js", "b.js"]),
        ('export * as c from "./c.js";', ["c.js"]),
        ('const text = "x"; import("./later.js");', []),
        ('// import a from "./a.js"\n * import b from "./b.js"', []),
        ('export const text = "./a.js";', []),
        ('function importer() { return "from"; }', []),
    ],
)
def test_modules_that_a_module_imports_are_found(script, found):
    assert list(imports(script, URL)) == [HERE + name for name in found]


def test_bare_name_of_a_module_stays_as_it_is():
    assert list(imports('import a from "react";', URL)) == ["react"]


@pytest.mark.parametrize("piece", ["import {", "import a, ", "\nimport ", "export * from ", ";import{a"])
def test_reading_of_imports_is_linear_in_hostile_input(piece):
    def seconds(size):
        script = (piece * (size // len(piece) + 1))[:size]
        start = time.perf_counter()
        assert list(imports(script, URL)) == []
        return time.perf_counter() - start

    seconds(20_000)
    assert seconds(400_000) < 60 * max(min(seconds(20_000) for _ in range(3)), 0.002)
