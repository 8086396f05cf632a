"""How many threads a call uses, that they take part, and that nothing hangs: after fork, in pools, nested, at exit."""

import os
import sys
import threading
import time
from importlib import import_module

import numpy as np
import pytest
from subprocesses import HANGS, run_python

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
    meeting = threading.Barrier(3, timeout=HANGS)
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
    meeting = threading.Barrier(2, timeout=HANGS)
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
    meeting = threading.Barrier(2, timeout=HANGS)
    ended, returned = threading.Event(), threading.Event()
    caller = threading.get_ident()

    def waits_for_helpers():
        names, frame = [], sys._current_frames()[caller]
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return names[0] == "wait" and "run_blocks" in names and "work" not in names

    def work(queue):
        meeting.wait()
        if threading.get_ident() == caller:
            raise MemoryError
        while not waits_for_helpers():
            if returned.is_set():
                return
            time.sleep(0.001)
        ended.set()

    with pytest.raises(MemoryError):
        threads.run_blocks(work, n_blocks=2, n_threads=2)
    returned.set()
    assert ended.is_set()


def test_work_is_done_when_no_thread_can_be_started(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_pool", threads._Pool())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    who = []
    threads.run_blocks(lambda queue: who.append(threading.get_ident()), n_blocks=10, n_threads=4)
    assert who == [threading.get_ident()]


def test_nested_calls_end():
    meeting = threading.Barrier(4, timeout=HANGS)

    def inner(queue):
        meeting.wait()

    def outer(queue):
        threads.run_blocks(inner, n_blocks=2, n_threads=2)

    threads.run_blocks(outer, n_blocks=2, n_threads=2)


def test_helpers_are_reused(monkeypatch):
    """A helper that has put its task behind it takes the next one."""
    pool = threads._Pool()
    monkeypatch.setattr(threads, "_pool", pool)
    names = set()

    def work(queue):
        meeting.wait()
        names.add(threading.current_thread().name)

    for _ in range(20):
        meeting = threading.Barrier(2, timeout=HANGS)
        threads.run_blocks(work, n_blocks=2, n_threads=2)
        while pool._n_unfinished:  # the helper may have to wait for a processor before it says that it has finished
            time.sleep(0.001)
    assert len(names - {threading.current_thread().name}) == 1


# --- real work: fork, pools, exit -------------------------------------------------------------------------------------

# A thread that another one sees in the work that run_blocks calls is in compiled code and has given up the
# interpreter.
WAIT_UNTIL_IN_COMPILED_CODE = """
import sys, threading, time
def wait_until_in_compiled_code(thread):
    while True:
        frame = sys._current_frames()[thread]
        if frame.f_code.co_name != "wait" and "run_blocks" in (frame.f_code.co_name, frame.f_back.f_code.co_name):
            return
        time.sleep(0.001)
"""

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
    for result in pool.map(job, range(4)):
        assert np.array_equal(result, expected)
assert np.array_equal(job(), expected)
"""
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_in_the_middle_of_a_call_computes():
    run_python(
        WAIT_UNTIL_IN_COMPILED_CODE
        + LONG_ENOUGH
        + """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
stop = threading.Event()
def work():
    while not stop.is_set():
        job()
busy = threading.Thread(target=work)
busy.start()
try:
    for _ in range(3):
        wait_until_in_compiled_code(busy.ident)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if np.array_equal(job(), expected) else 1)
        assert os.waitpid(pid, 0)[1] == 0
finally:
    stop.set()
    busy.join()
"""
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
"""
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


# Calls without end, so that only an interruption ends them.
ENDLESS = {
    "kernel_sum": """
X = random.normal(size=(1_000_000, 3))
call = lambda: fd.kernel_sum(X, bandwidth=0.3, algorithm="direct", n_threads=1)
""",
    "kneighbors": """
X = random.normal(size=(200_000, 40))
call = lambda: fd.kneighbors(X, k=10, n_threads=1)
""",
    "em_step": """
X = random.normal(size=(100_000, 10))
start = np.full(50, 0.02), X[:50], np.ones((50, 10)), "diag"
call = lambda: fd.em_step(X, *start, n_threads=1)
""",
    "total_variation_subsets": """
p, q = random.dirichlet(np.ones(40), size=2)
call = lambda: fd.total_variation_subsets(p, q, n_threads=1)
""",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_the_interpreter_is_free_while_compiled_code_runs(name):
    """Another thread gets to run, sees the call under way, and ends it (peers' bug: scipy #10514).

    The interpreter asks no thread to give way, so that the other one runs only where the call lets it.
    """
    done = run_python(
        WAIT_UNTIL_IN_COMPILED_CODE
        + f"""
import signal
import numpy as np
import fastdens as fd
random = np.random.default_rng(0)
{ENDLESS[name]}
begin, caller = threading.Event(), threading.get_ident()
def interrupt():
    begin.wait()
    wait_until_in_compiled_code(caller)
    signal.raise_signal(signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
sys.setswitchinterval(1000)
begin.set()
try:
    while True:
        call()
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert done.stdout == "interrupted\n"
