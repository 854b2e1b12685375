"""What the hardening asks of the kernel, in words of the manual (man 2 PR_SET_DUMPABLE, man 2 setrlimit). What it does to real processes: tests/telemetry/test_telemetry_hardening.py."""

from __future__ import annotations

import resource

import pytest

from service.cardguard import process


class Kernel:
    """Takes the calls instead of the kernel; `answer` is what it says of dumpable."""

    def __init__(self, monkeypatch, answer=0, platform="linux"):
        self.asked, self.answer = [], answer
        monkeypatch.setattr(process.resource, "setrlimit", lambda *given: self.asked.append(("setrlimit", *given)))
        monkeypatch.setattr(process.os, "umask", lambda *given: self.asked.append(("umask", *given)))
        monkeypatch.setattr(process.ctypes, "CDLL", self.library)
        monkeypatch.setattr(process.sys, "platform", platform)

    def library(self, name, **options):
        self.asked.append(("CDLL", name, options))
        return self

    def prctl(self, *given):
        self.asked.append(("prctl", *given))
        return self.answer if given[0] == 3 else -1


COMMON = [("setrlimit", resource.RLIMIT_CORE, (0, 0)), ("umask", 0o077)]
LINUX = [("CDLL", None, {"use_errno": True}), ("prctl", 4, 0, 0, 0, 0), ("prctl", 3, 0, 0, 0, 0)]


def test_process_leaves_no_core_no_open_file_and_no_memory_to_others(monkeypatch):
    kernel = Kernel(monkeypatch)
    process.harden()
    assert kernel.asked == COMMON + LINUX


@pytest.mark.parametrize("platform", ["darwin", "freebsd14", ""])
def test_other_systems_are_asked_for_what_they_have(monkeypatch, platform):
    kernel = Kernel(monkeypatch, platform=platform)
    process.harden()
    assert kernel.asked == COMMON


@pytest.mark.parametrize("answer", [1, 2, -1])
def test_kernel_that_does_not_obey_ends_the_start(monkeypatch, answer):
    Kernel(monkeypatch, answer=answer)
    with pytest.raises(OSError, match=r"^prctl\(PR_SET_DUMPABLE\) had no effect"):
        process.harden()
