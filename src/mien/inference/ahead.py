"""Work in threads, results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def work_ahead(work: Callable[[Item], Made], items: Iterable[Item], *, threads: int) -> Iterator[tuple[Item, Made]]:
    """Yield items with what is made of them, in order, while threads already work on the next ones.

    Args:
        work: is called from the threads; what it raises is raised when its item's turn comes.
        items: may be endless; not more than two for each thread are taken before they are yielded.
        threads: 1 works in the caller's own.
    """
    if threads == 1:
        for item in items:
            yield item, work(item)
        return
    begun: deque[tuple[Item, Future[Made]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="mien-ahead")
    try:
        for item in items:
            begun.append((item, pool.submit(work, item)))
            if len(begun) == 2 * threads:
                first, made = begun.popleft()
                yield first, made.result()
        for first, made in begun:
            yield first, made.result()
    finally:  # also where the caller stops, or is interrupted: what has not begun is not wanted
        pool.shutdown(cancel_futures=True)
