"""A thread, a destructor, a callback, a task and the process itself die of exceptions that hold what is not to be said."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading

from service.telemetry import logs

word = json.load(sys.stdin)["word"]
logs.set_up()


class Held:
    def __del__(self):
        raise ValueError(word)


def die():
    raise KeyError(word)


async def fail():
    raise RuntimeError(word)


async def lose():
    asyncio.get_running_loop().call_soon(die)
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


thread = threading.Thread(target=die, name=word)
thread.start()
thread.join()
Held()
gc.collect()
asyncio.run(lose())
gc.collect()
last = ExceptionGroup(word, [ValueError(word)])
last.add_note(word)
raise last
