"""What a page's HTML loads and holds: scripts, frames, inputs, policies. Never runs anything; what scripts load when they run is not seen here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from service.cardguard import detect

#: Types of <script> that a browser runs, or lets say what it loads (HTML, section 4.12.1); any other is a block of data.
_RUN = re.compile(
    r"|module|importmap|speculationrules|(text|application)/(x-)?(java|ecma|live|j)script(1\.[0-5])?", re.IGNORECASE
)
_TAG = re.compile(r"<script(?=[\s/>])", re.IGNORECASE)
_RUNS_URL = ("href", "xlink:href", "src", "action", "formaction", "data")
#: Attributes of an input that say what belongs into it.
_SAYING = ("name", "id", "autocomplete", "data-bluesnap", "data-encrypted-name", "aria-label")
_INPUTS = frozenset({"input", "select", "textarea"})
_FRAMES = {"iframe": "src", "frame": "src", "object": "data", "embed": "src", "portal": "src"}
#: A static import or re-export of a module (ECMAScript, section 16.2), as far as it can be told without parsing the language.
_IMPORT = re.compile(
    r"""(?:^|[;}\n])[ \t]*(?:import|export)\b[ \t]*(?:[\w$*{}, \t\n]{1,2000}?\bfrom[ \t]*|\*[ \t]*from[ \t]*)?["']([^"'\n]{1,500})["']"""
)


@dataclass(frozen=True)
class Loaded:
    """A script with an address. `module` ones may import others."""

    url: str
    module: bool


@dataclass(frozen=True)
class Inline:
    """A script in the page itself; `where` says what kind of place: `script`, or an attribute such as `onclick`."""

    where: str
    text: str
    module: bool = False


@dataclass
class Page:
    """All that was found, in the order of the document; addresses are whole, by `base`. `hidden` counts what looks like a <script> and was not read as one."""

    loaded: list[Loaded] = field(default_factory=list)
    inline: list[Inline] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    card_inputs: list[str] = field(default_factory=list)
    base: str = ""
    hidden: int = 0


def read(html: str, url: str) -> Page:
    """The page at `url`, whose text is `html`."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    reader.page.hidden = max(0, len(_TAG.findall(html)) - reader.tags)
    return reader.page


def imports(script: str, url: str) -> Iterator[str]:
    """The addresses that a module imports by static statements; a bare name, which an import map would have to explain, as it stands."""
    for name in dict.fromkeys(_IMPORT.findall(script)):
        yield _joined(url, name) if name.startswith(("/", "./", "../", "http:", "https:")) else name


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return address


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.tags = Page(base=url), 0
        self._based = False
        self._script: list[str] | None = None
        self._module = self._runs = False

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Browsers take no notice of the slash: what follows <script/> is a script."""
        self.handle_starttag(tag, attrs)
        if tag in self.CDATA_CONTENT_ELEMENTS:
            self.set_cdata_mode(tag)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, str] = {}
        for name, value in attrs:
            given.setdefault(name, value or "")  # browsers keep the first
        if tag == "script":
            self._begin(given)
        elif tag == "base" and "href" in given and not self._based:
            self.page.base, self._based = self._at(given["href"]), True
        elif tag == "meta" and given.get("http-equiv", "").strip().lower() == "content-security-policy":
            self.page.policies.append(given.get("content", ""))
        elif tag == "link":
            self._link(given)
        elif tag in _FRAMES:
            self._frame(tag, given)
        elif tag in _INPUTS and _asks_for_card(given):
            self.page.card_inputs.append(f"<{tag}{_shown(given)}>")
        self._attributes(given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            text = "".join(self._script).replace("\r\n", "\n").replace("\r", "\n")
            self.tags += len(_TAG.findall(text))
            if self._runs and text.strip():
                self.page.inline.append(Inline("script", text, self._module))
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.append(data)

    def _begin(self, given: dict[str, str]) -> None:
        self.tags += 1
        kind = given.get("type", "").strip().lower()
        self._module, self._runs = kind == "module", _RUN.fullmatch(kind) is not None
        source = given.get("src") or given.get("href") or given.get("xlink:href")
        if source and self._runs:
            self.page.loaded.append(Loaded(self._at(source), self._module))
            self._runs = False  # what stands inside is not run then
        self._script = []

    def _link(self, given: dict[str, str]) -> None:
        kinds = given.get("rel", "").lower().split()
        is_script = "modulepreload" in kinds or ("preload" in kinds and given.get("as", "").lower() == "script")
        if is_script and given.get("href"):
            self.page.loaded.append(Loaded(self._at(given["href"]), "modulepreload" in kinds))

    def _frame(self, tag: str, given: dict[str, str]) -> None:
        if "srcdoc" in given:
            self.page.frames.append("srcdoc")
        source = given.get(_FRAMES[tag], "")
        if source and source.strip().lower() != "about:blank":
            self.page.frames.append(self._at(source))

    def _attributes(self, given: dict[str, str]) -> None:
        for name, value in given.items():
            plain = re.sub(r"[\x00-\x20]", "", value).lower()
            if name.startswith("on") or (name in _RUNS_URL and plain.startswith("javascript:")):
                self.page.inline.append(Inline(name, value))

    def _at(self, address: str) -> str:
        return _joined(self.page.base, address)


def _asks_for_card(given: dict[str, str]) -> bool:
    """An input that the hosted fields should be in place of. `cc-…` are the card's tokens of autocomplete (HTML, section 4.10.18.7)."""
    if any(token.startswith("cc-") for token in given.get("autocomplete", "").lower().split()):
        return True
    return any(name in given and detect.names_card_data(given[name]) is not None for name in _SAYING)


def _shown(given: dict[str, str]) -> str:
    return "".join(f' {name}="{given[name][:60]}"' for name in ("name", "id", "autocomplete") if given.get(name))
