"""Every small change of a module that its tests should notice: mutmut's own, made anywhere and not in functions alone, and those of patterns, tables and conditions. Pure.

mutmut 3 changes functions only, by putting a switch in front of each. Tables, limits and patterns, which are most of a guard, stand outside of functions.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

from dev import mutants_patterns as patterns

#: What no test can or should notice: types, decorators of data classes, and what is imported; and names of types, see `_is_type`.
_PASSED_OVER = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """A module with one change. `was` and `now` are the lines that differ, without their indentation; `line` is where they begin.

    `place` counts those of the same words before it.
    """

    module: str
    source: str
    kind: str
    line: int
    was: str
    now: str
    place: int = 0

    @property
    def key(self) -> str:
        """The same for the same change, also when other lines of the module have changed."""
        return hashlib.sha256("\0".join((self.module, self.was, self.now, str(self.place))).encode()).hexdigest()[:16]

    def diff(self) -> str:
        """For reading."""
        lines = [f"{self.module}:{self.line}: {self.kind}"]
        lines += [f"  - {line}" for line in self.was.splitlines()] + [f"  + {line}" for line in self.now.splitlines()]
        return "\n".join(lines)


def mutants(module: str, source: str) -> list[Mutant]:
    """All mutants of a module, each once, in the order of its lines."""
    kinds: dict[str, str] = {}
    for kind, changed in _changed(source):
        if changed not in kinds and changed != source and _compiles(changed):
            kinds[changed] = kind
    found = [Mutant(module, changed, kind, *_difference(source, changed)) for changed, kind in kinds.items()]
    found.sort(key=lambda mutant: mutant.line)
    seen: Counter[tuple[str, str]] = Counter()
    for place, mutant in enumerate(found):
        found[place] = replace(mutant, place=seen[mutant.was, mutant.now])
        seen[mutant.was, mutant.now] += 1
    return found


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    before, after = source.splitlines(), changed.splitlines()
    steps = [
        step
        for step in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if step[0] != "equal"
    ]
    was = [line.strip() for _, start, end, _, _ in steps for line in before[start:end]]
    now = [line.strip() for _, _, _, start, end in steps for line in after[start:end]]
    return steps[0][1] + 1, "\n".join(was), "\n".join(now)


def _changed(source: str) -> Iterator[tuple[str, str]]:
    wrapper = MetadataWrapper(cst.parse_module(source))
    collector = _Collector(wrapper)
    for node in collector.nodes:
        for kind, other in _others(node):
            changed = wrapper.module.deep_replace(node, other)
            if isinstance(changed, cst.Module):
                yield kind, changed.code
    for literals in collector.texts:
        signs = patterns.atoms(literals)
        if patterns.LOOKS_LIKE.search("".join(sign.text for sign in signs)):
            for edit in patterns.Pattern(signs).edits:
                yield edit.meaning, edit.apply(source)


class _Collector(cst.CSTVisitor):
    """The nodes that may be changed, and the texts: of each its literals with their places."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        super().__init__()
        self.nodes: list[cst.CSTNode] = []
        self.texts: list[list[tuple[int, str]]] = []
        self._spans = wrapper.resolve(ByteSpanPositionProvider)
        self._module = wrapper.module
        self._bytes = wrapper.module.code.encode()
        wrapper.module.visit(self)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _PASSED_OVER) or _is_docstring(node) or _is_type(node):
            return False
        self.nodes.append(node)
        if isinstance(node, cst.SimpleString | cst.FormattedString):
            self.texts.append([self._placed(node)])
        if isinstance(node, cst.ConcatenatedString):
            self.texts.append([self._placed(part) for part in _parts(node)])
            for part in _parts(node):
                self.nodes.append(part)
            return False
        return True

    def _placed(self, node: cst.CSTNode) -> tuple[int, str]:
        start = self._spans[node].start
        return len(self._bytes[:start].decode()), self._module.code_for_node(node)


def _parts(node: cst.ConcatenatedString) -> Iterator[cst.SimpleString | cst.FormattedString]:
    right = node.right
    yield node.left
    if isinstance(right, cst.ConcatenatedString):
        yield from _parts(right)
    else:
        yield right


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)


def _is_type(node: cst.CSTNode) -> bool:
    """A name for a type, `App = Callable[...]`, which stands in annotations only."""
    return (
        isinstance(node, cst.Assign)
        and isinstance(node.value, cst.Subscript)
        and isinstance(node.value.value, cst.Name)
        and node.value.value.value in {"Callable", "dict", "list", "tuple"}
    )


def _others(node: cst.CSTNode) -> Iterator[tuple[str, cst.CSTNode]]:
    """What may stand in a node's place."""
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            for other in operator(node):
                yield operator.__name__.removeprefix("operator_").replace("_", " "), other
    if isinstance(node, cst.Integer) and node.evaluated_value > 0:
        yield "number", node.with_changes(value=repr(node.evaluated_value - 1))
    if isinstance(node, cst.Tuple | cst.List | cst.Set | cst.Dict) and len(node.elements) > 1:
        for place in range(len(node.elements)):
            left = [*node.elements[:place], *node.elements[place + 1 :]]
            yield "member left out", node.with_changes(elements=left)
    if isinstance(node, cst.If):
        yield "condition", node.with_changes(test=cst.Name("False"))
        yield "condition", node.with_changes(test=cst.Name("True"))
    if isinstance(node, cst.CompFor) and node.ifs:
        yield "condition left out", node.with_changes(ifs=[])
