"""No module of the service lies about unused: each is imported by another, or is a way in."""

from __future__ import annotations

import ast
import re

from tests.architecture.rules import ROOT

#: Started by Python, gunicorn or Alembic, and imported by nobody.
WAYS_IN = {"service.__main__", "service.app", "service.gunicorn_conf", "service.store.migrations.env"}
#: What the database does by itself, declared for those who compare and for those who check.
WAYS_IN |= {"service.store.chain", "service.store.keeping"}
BY_FOLDER = "service.store.migrations.versions."


def name_of(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path, root):
    """The dotted names that a file imports, relative imports resolved; a name in `from package import name` may be a module."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"service(\.\w+)+", node.value)
        ):
            yield node.value.rpartition(".")[0]  # a class named in text, for gunicorn to import
        if isinstance(node, ast.ImportFrom):
            base = (
                ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
                if node.level
                else node.module
            )
            yield base
            yield from (f"{base}.{item.name}" for item in node.names)


def unused_modules(root):
    files = {name_of(path, root): path for path in (root / "service").rglob("*.py") if path.name != "__init__.py"}
    used = {name for path in (root / "service").rglob("*.py") for name in imported_by(path, root)}
    return {name for name in files.keys() - used - WAYS_IN if not name.startswith(BY_FOLDER)}


def test_every_module_of_the_service_is_used():
    assert not unused_modules(ROOT)


def test_a_module_that_nobody_imports_is_found(tmp_path):
    (tmp_path / "service" / "web").mkdir(parents=True)
    (tmp_path / "service" / "app.py").write_text("from service.web import used\nfrom .web import also\n")
    for name in ("used", "also", "forgotten"):
        (tmp_path / "service" / "web" / f"{name}.py").write_text("")
    assert unused_modules(tmp_path) == {"service.web.forgotten"}
