"""How many threads a call may use, and the pool that runs compiled blocks on them.

Threads are Python threads over compiled loops that release the GIL; there is no OpenMP runtime, nothing starts at
import, and a forked child starts a pool of its own. Work is always cut into the same blocks, whatever the number of
threads, and partial results are combined in block order: results are bit-identical for any number of threads.
"""

from __future__ import annotations

import contextvars
import math
import operator
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from fastdens.core._blocks import BlockQueue
from fastdens.core.tuning import Tunable

# Below this much estimated work a second thread costs more than it brings (55-260 us to wake one, measured on a
# 2-core x86-64 virtual machine with Python 3.11).
WORTH_A_THREAD_NS = Tunable(2e6)
MOST_THREADS = 256

_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastdens_threads", default=None)
_pool: _Pool | None = None


@cache
def _cgroup_processors() -> float:
    """Processors that the control group's quota is worth, read once; infinite where there is no quota."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as quota_file:
            quota, period = quota_file.read().split()
    except (OSError, ValueError):
        return math.inf
    return math.inf if quota == "max" else float(quota) / float(period)


def _allowed_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _cgroup_processors())))


def default_threads() -> int:
    """The number of threads that `n_threads=None` stands for in this context."""
    limit = _limit.get()
    if limit is not None:
        return limit
    allowed = _allowed_processors()
    from_environment = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if from_environment.isdigit() and int(from_environment) > 0:
        allowed = min(allowed, int(from_environment))
    return min(allowed, MOST_THREADS)


def check_n_threads(n_threads: int | None, name: str = "n_threads", *, none_allowed: bool = True) -> int:
    """Resolve `n_threads` as every function takes it: a positive integer, or None for the default."""
    if n_threads is None and none_allowed:
        return default_threads()
    rule = f"{name} must be {'None or ' if none_allowed else ''}an integer of at least 1, got {n_threads!r}"
    if n_threads is None or isinstance(n_threads, bool) or not hasattr(n_threads, "__index__"):
        raise TypeError(rule)
    resolved = operator.index(n_threads)
    if resolved < 1:
        raise ValueError(rule)
    return min(resolved, MOST_THREADS)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of threads that calls inside the block use when their `n_threads` is None.

    Parameters
    ----------
    n : int
        Number of threads, at least 1.

    Notes
    -----
    The setting holds for the current context (thread or asynchronous task) only. Without it, the number is
    the smallest of ``OMP_NUM_THREADS``, the processors in the affinity mask and the control group's quota.

    Examples
    --------
    >>> import fastdens as fd
    >>> with fd.threads(1):
    ...     pass  # calls here use one thread
    """
    token = _limit.set(check_n_threads(n, "n", none_allowed=False))
    try:
        yield
    finally:
        _limit.reset(token)


# Numbers that one NumPy call handles where it may be given any number of them: in much less than 0.1 s.
NUMBERS_IN_PIECE = 1 << 20


def pieces(n: int, size: int = NUMBERS_IN_PIECE) -> Iterator[slice]:
    """Slices that cover 0 ... n - 1, so that NumPy's passes over them take no temporary of n numbers, nor long.

    Between two pieces the interpreter looks for Ctrl-C.
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


class _Task:
    """A call for a helper thread: either some helper claims it and runs it, or the caller takes it back."""

    def __init__(self, work: Callable[..., object], arguments: tuple) -> None:
        self._work, self._arguments = work, arguments
        self._claim, self._finished = threading.Lock(), threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        if self._claim.acquire(blocking=False):
            try:
                self._work(*self._arguments)
            except BaseException as error:
                self._error = error
            finally:
                self._finished.set()

    def wait(self) -> BaseException | None:
        """Take the call back if no helper has begun it, else wait for its end; what it raised."""
        if self._claim.acquire(blocking=False):
            self._finished.set()
        self._finished.wait()
        return self._error


class _Pool:
    """Helper threads that wait for tasks.

    They are daemons, so that none can keep a process from ending: the standard library's pool leaves a thread that
    is never told to end when Ctrl-C falls into its start.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._n_threads = self._n_unfinished = 0

    def _help(self) -> None:
        while True:
            self._tasks.get().run()
            with self._lock:
                self._n_unfinished -= 1

    def put(self, tasks: list[_Task]) -> None:
        """Hand out tasks, with a thread for each that is not finished where the system allows it."""
        with self._lock, suppress(RuntimeError):  # no thread can be started: the threads there are do all the blocks
            self._n_unfinished += len(tasks)
            while self._n_threads < min(self._n_unfinished, MOST_THREADS):
                threading.Thread(target=self._help, name=f"fastdens_{self._n_threads}", daemon=True).start()
                self._n_threads += 1
        for task in tasks:
            self._tasks.put(task)


def _get_pool() -> _Pool:
    global _pool
    if _pool is None:
        _pool = _Pool()
    return _pool


def _forget_pool() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def run_blocks(
    work: Callable[..., object],
    n_blocks: int,
    n_threads: int | None = 1,
    estimated_ns: float = math.inf,
    arguments: tuple = (),
) -> None:
    """Call ``work(*arguments, queue)`` on up to `n_threads` threads until the queue's `n_blocks` blocks are done.

    `work` is a compiled function that takes blocks from the queue with the GIL released. The calling thread takes
    part; the others are used only when `estimated_ns`, the work expected in nanoseconds on one thread, is worth it.
    `n_threads=None` is the default number, looked up only then.
    Raises what a signal handler raised meanwhile (KeyboardInterrupt on Ctrl-C), after every thread has stopped.
    """
    blocks = BlockQueue(n_blocks)
    helpers = 0
    if estimated_ns > WORTH_A_THREAD_NS.value and n_blocks > 1:
        helpers = min(default_threads() if n_threads is None else n_threads, n_blocks) - 1
    if helpers == 0:
        work(*arguments, blocks)
        blocks.raise_interruption()
        return
    tasks = [_Task(work, (*arguments, blocks)) for _ in range(helpers)]
    try:
        _get_pool().put(tasks)
        work(*arguments, blocks)
        # A helper that has not begun would find no block; one that has must end before arrays are released.
        errors = [task.wait() for task in tasks]
    except BaseException:
        blocks.stop()
        for task in tasks:
            task.wait()
        raise
    for error in errors:
        if error is not None:
            raise error
    blocks.raise_interruption()
