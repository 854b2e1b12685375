"""What a process of ours leaves behind when it dies or writes: no picture of its memory, and no file that others may read. Must never be undone.

A refused card number stays in a worker's memory until the memory is used again, so nobody but the kernel and root may look at it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

#: From linux/prctl.h.
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
PRIVATE = 0o077


def harden() -> None:
    """Once, at the start; children that are forked keep it, programs that are started keep all but the second.

    No core file (limit 0, for good); on Linux not dumpable either, so that no handler of core dumps gets one and nobody of the same user may attach
    or read /proc/PID/mem and environ (man 2 PR_SET_DUMPABLE); files for nobody but their owner. Raises OSError where the kernel does not obey.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(PRIVATE)
    if sys.platform != "linux":
        return
    control = ctypes.CDLL(None, use_errno=True).prctl
    control(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if control(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_DUMPABLE) had no effect: nothing would keep the memory of this process private")
