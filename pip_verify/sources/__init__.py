"""The world behind a few small doors: key lists and release statements over HTTPS, the package index, files on disk.

``https`` is the door to publishers (caps, deadlines, TLS, redirects; ``transport`` keeps them); ``keylists`` and
``statements`` keep what came through it in the directory that ``cache`` guards. ``index`` asks the package index with
pip's own machinery, ``locks`` reads lock files, ``firstuse`` keeps ``pip-verify.lock``. Nothing here checks a signature
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

IN_FLIGHT = 16  # requests under way at once, whatever the number of hosts

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def concurrently(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """``work`` on every item, at most IN_FLIGHT at once; results in the order of the items.

    The first exception by that order is raised, after what had begun has ended; what had not begun is dropped.
    """
    waiting = list(items)
    if len(waiting) < 2:
        return [work(item) for item in waiting]
    from concurrent.futures import ThreadPoolExecutor  # lazily: start-up time

    with ThreadPoolExecutor(min(IN_FLIGHT, len(waiting))) as pool:
        return list(pool.map(work, waiting))
