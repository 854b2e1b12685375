"""Every test of an operation has an id of its own, so that all of them run."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items):
    """schemathesis puts the operation into a test's name; pytest takes the id from the function alone. pytest-xdist runs one test of each id
    and leaves its namesakes out without a word."""
    for item in items:
        operation = getattr(item, "operation_label", None)
        if operation is not None and item.id.params is None:
            item._id = item.id.with_params(operation)
    ids = [item.nodeid for item in items]
    if len(ids) != len(set(ids)):
        raise pytest.UsageError("two tests have the same id, and only one of them would run")
