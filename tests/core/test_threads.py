"""How many threads a call uses, that they take part, and that nothing hangs: after fork, in pools, nested, at exit."""

import os
import threading
from importlib import import_module

import numpy as np
import pytest
from subprocesses import run_python

import fastdens as fd

threads = import_module("fastdens.core.threads")  # the name fastdens.threads is the context manager

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


# --- how many ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_quota(monkeypatch):
    monkeypatch.setattr(threads, "_cgroup_processors", lambda: float("inf"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_default_is_the_affinity_mask(no_quota):
    assert threads.default_threads() == min(PROCESSORS, threads.MOST_THREADS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("1,2", 1), (" 1 ", 1), ("1000000", None), ("", None), ("0", None), ("-1", None), ("many", None)],
)
def test_default_honours_omp_num_threads_and_survives_nonsense(no_quota, monkeypatch, text, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert threads.default_threads() == (expected or PROCESSORS)


@pytest.mark.parametrize(("quota", "expected"), [(0.5, 1), (1.0, 1), (1.5, min(2, PROCESSORS)), (1e9, PROCESSORS)])
def test_default_honours_the_quota_of_the_control_group(no_quota, monkeypatch, quota, expected):
    monkeypatch.setattr(threads, "_cgroup_processors", lambda: quota)
    assert threads.default_threads() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity mask on this system")
def test_default_honours_an_affinity_mask_set_later():
    code = """
import os
from fastdens.core.threads import default_threads
before = default_threads()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
assert default_threads() == 1, (before, default_threads())
"""
    run_python(code, OMP_NUM_THREADS=None)


def test_context_manager_sets_the_default_and_restores_it():
    before = threads.default_threads()
    with fd.threads(3):
        assert threads.check_n_threads(None) == 3
        with fd.threads(1):
            assert threads.check_n_threads(None) == 1
            assert threads.check_n_threads(5) == 5
        assert threads.check_n_threads(None) == 3
    assert threads.default_threads() == before
    with pytest.raises(ZeroDivisionError), fd.threads(3):
        1 / 0  # noqa: B018
    assert threads.default_threads() == before


def test_context_manager_holds_for_its_own_thread_only():
    seen = []
    before = threads.default_threads()
    with fd.threads(before + 1):
        other = threading.Thread(target=lambda: seen.append(threads.default_threads()))
        other.start()
        other.join()
    assert seen == [before]


@pytest.mark.parametrize(
    ("bad", "error"), [(0, ValueError), (-1, ValueError), (1.0, TypeError), ("2", TypeError), (True, TypeError)]
)
def test_bad_numbers_of_threads(bad, error):
    with pytest.raises(error, match=rf"^n_threads must be None or an integer of at least 1, got {bad!r}$"):
        threads.check_n_threads(bad)
    with pytest.raises(error, match=rf"^n must be an integer of at least 1, got {bad!r}$"), fd.threads(bad):
        pass


def test_none_is_no_number_for_the_context_manager():
    with pytest.raises(TypeError, match=r"^n must be an integer of at least 1, got None$"), fd.threads(None):
        pass


def test_numpy_integers_are_numbers_of_threads():
    assert threads.check_n_threads(np.int8(2)) == 2
    assert threads.check_n_threads(10**9) == threads.MOST_THREADS


# --- run_blocks -------------------------------------------------------------------------------------------------------


def test_caller_and_helpers_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    who = []

    def work(queue):
        meeting.wait()  # passes only when three threads are inside
        who.append(threading.get_ident())

    threads.run_blocks(work, n_blocks=3, n_threads=3)
    assert len(set(who)) == 3
    assert threading.get_ident() in who


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_blocks": 10, "n_threads": 1},
        {"n_blocks": 1, "n_threads": 4},
        {"n_blocks": 10, "n_threads": 4, "estimated_ns": 1e3},
    ],
)
def test_small_work_stays_on_the_calling_thread(arguments):
    who = []
    threads.run_blocks(lambda queue: who.append(threading.get_ident()), **arguments)
    assert who == [threading.get_ident()]


def test_an_error_in_any_thread_reaches_the_caller():
    meeting = threading.Barrier(2, timeout=30)
    caller = threading.get_ident()

    def fails_in(where):
        def work(queue):
            meeting.wait()
            if (threading.get_ident() == caller) == (where == "caller"):
                raise MemoryError(where)

        return work

    for where in ("caller", "helper"):
        with pytest.raises(MemoryError, match=where):
            threads.run_blocks(fails_in(where), n_blocks=2, n_threads=2)


def test_all_helpers_have_ended_when_an_error_is_raised():
    meeting = threading.Barrier(2, timeout=30)
    inside = threading.Event()
    caller = threading.get_ident()

    def work(queue):
        meeting.wait()
        if threading.get_ident() == caller:
            raise MemoryError
        threading.Event().wait(0.1)
        inside.set()

    with pytest.raises(MemoryError):
        threads.run_blocks(work, n_blocks=2, n_threads=2)
    assert inside.is_set()


def test_work_is_done_when_no_thread_can_be_started(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_pool", threads._Pool())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    who = []
    threads.run_blocks(lambda queue: who.append(threading.get_ident()), n_blocks=10, n_threads=4)
    assert who == [threading.get_ident()]


def test_nested_calls_end():
    meeting = threading.Barrier(4, timeout=30)

    def inner(queue):
        meeting.wait()

    def outer(queue):
        threads.run_blocks(inner, n_blocks=2, n_threads=2)

    threads.run_blocks(outer, n_blocks=2, n_threads=2)


def test_helpers_are_reused():
    names = set()

    def work(queue):
        meeting.wait()
        names.add(threading.current_thread().name)

    for _ in range(20):
        meeting = threading.Barrier(2, timeout=30)
        threads.run_blocks(work, n_blocks=2, n_threads=2)
    assert len([name for name in names if name.startswith("fastdens")]) < 20


# --- real work: fork, pools, exit -------------------------------------------------------------------------------------

LONG_ENOUGH = """
import numpy as np
import fastdens as fd
X = np.random.default_rng(0).normal(size=(6007, 3))
def job(seed=0):
    return fd.kernel_sum(X, bandwidth=0.3, n_threads=2)
expected = job()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_computes_after_the_parent_did():
    """Peers' bug: fork after an OpenMP loop hangs the child for ever (scikit-learn #19272, faiss #5206)."""
    run_python(
        LONG_ENOUGH
        + """
import multiprocessing as mp, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork with threads: the point here
with mp.get_context("fork").Pool(2) as pool:
    for result in pool.map_async(job, range(4)).get(timeout=30):
        assert np.array_equal(result, expected)
assert np.array_equal(job(), expected)
""",
        timeout=90,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_in_the_middle_of_a_call_computes():
    run_python(
        LONG_ENOUGH
        + """
import os, threading, signal, warnings
warnings.simplefilter("ignore", DeprecationWarning)
busy = threading.Thread(target=lambda: [job() for _ in range(20)])
busy.start()
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os._exit(0 if np.array_equal(job(), expected) else 1)
    assert os.waitpid(pid, 0)[1] == 0
busy.join()
""",
        timeout=90,
    )


def test_workers_of_joblib_compute():
    """Peers' bug: OpenMP under joblib's loky deadlocks (loky #248)."""
    pytest.importorskip("joblib")
    run_python(
        """
import joblib, numpy as np
import fastdens as fd
X = np.random.default_rng(0).normal(size=(3001, 3))
expected = fd.kernel_sum(X, bandwidth=0.3)
for backend in ("loky", "threading"):
    jobs = (joblib.delayed(fd.kernel_sum)(X, bandwidth=0.3, n_threads=2) for _ in range(8))
    for result in joblib.Parallel(n_jobs=4, backend=backend)(jobs):
        assert np.array_equal(result, expected), backend
""",
        timeout=120,
    )


def test_calls_from_many_threads_at_once_agree():
    run_python(
        LONG_ENOUGH
        + """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(16) as pool:
    assert all(np.array_equal(result, expected) for result in pool.map(job, range(32)))
"""
    )


def test_a_call_while_the_interpreter_closes():
    done = run_python(
        LONG_ENOUGH
        + """
import atexit
atexit.register(lambda: print(np.array_equal(job(), expected)))
"""
    )
    assert done.stdout == "True\n"
    assert done.stderr == ""


def test_the_gil_is_released():
    """A Python thread goes on counting while a compiled loop runs on one thread (Peers' bug: scipy #10514)."""
    counted = 0
    stop = threading.Event()

    def count():
        nonlocal counted
        while not stop.wait(0.001):
            counted += 1

    X = np.random.default_rng(0).normal(size=(20011, 3))
    counter = threading.Thread(target=count)
    counter.start()
    try:
        before = counted
        fd.kernel_sum(X, bandwidth=0.3, n_threads=1)
        during = counted - before
    finally:
        stop.set()
        counter.join()
    assert during >= 3
