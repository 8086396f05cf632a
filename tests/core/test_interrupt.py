"""Ctrl-C during a long call: it ends within a second of work, and everything still works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from subprocesses import HANGS, environment

# Each job is repeated until it is interrupted; `again` is a short call on the same objects.
JOBS = {
    "kernel_sum": """
X = random.normal(size=(1_000_000, 3))
job = lambda: fd.kernel_sum(X, bandwidth=0.1)
again = lambda: fd.kernel_sum(X[:100], bandwidth=0.1)
""",
    "kernel_sum_log": """
X = random.normal(size=(1_000_000, 3))
job = lambda: fd.kernel_sum(X, X + 1e4, bandwidth=0.1, log=True)
again = lambda: fd.kernel_sum(X[:100], bandwidth=0.1, log=True)
""",
    "kernel_sum_boxes": """
X = random.normal(size=(1_000_000, 3))
job = lambda: fd.kernel_sum(X, bandwidth=0.14, rtol=1e-9, algorithm="fast_gauss")
again = lambda: fd.kernel_sum(X[:100], bandwidth=0.14, algorithm="fast_gauss")
""",
    "kernel_sum_few_queries": """
X = random.normal(size=(400_000, 30))
job = lambda: fd.kernel_sum(X, X[:400], bandwidth=0.1, n_threads=1)
again = lambda: fd.kernel_sum(X[:100], bandwidth=0.1)
""",
    "KernelDensity": """
X = random.normal(size=(1_000_000, 3))
model = fd.KernelDensity(bandwidth=0.1).fit(X)
job = lambda: model.score_samples(X)
again = lambda: model.score_samples(X[:10])
""",
    "kneighbors": """
X = random.normal(size=(300_000, 40))
job = lambda: fd.kneighbors(X, k=10)
again = lambda: fd.kneighbors(X[:100], k=3)
""",
    "KDTree": """
X = random.normal(size=(300_000, 12))
tree = fd.KDTree(X)
job = lambda: tree.query(X, 10)
again = lambda: tree.query(X[:10], 3)
""",
    "count_radius": """
X = random.normal(size=(1_000_000, 3))
tree = fd.KDTree(X)
job = lambda: tree.count_radius(X, 0.7)
again = lambda: tree.count_radius(X[:10], 0.7)
""",
    "GaussianMixture": """
X = random.normal(size=(400_000, 10))
model = fd.GaussianMixture(20, tol=0, max_iter=10**6, random_state=0)
job = lambda: model.fit(X)
again = lambda: model.set_params(tol=1e-2, max_iter=200).fit(X[:1000])
""",
    "total_variation_subsets": """
p = random.dirichlet(np.ones(40)); q = random.dirichlet(np.ones(40))
job = lambda: fd.total_variation_subsets(p, q)
again = lambda: fd.total_variation_subsets([0.5, 0.5], [0.25, 0.75])
""",
    "maximum_over_subsets": """
pq = random.dirichlet(np.ones(40), size=2)
job = lambda: fd.maximum_over_subsets(lambda of: of[0] ** 2 - of[1], measures=pq)
again = lambda: fd.maximum_over_subsets([0.0, 0.5, 0.25, 1.0])
""",
    "half_planes": """
X = random.normal(size=(100_000, 2))
job = lambda: fd.sample_discrepancy(X[::2], X[1::2], "half-planes")
again = lambda: fd.sample_discrepancy(X[:9], X[9:20], "half-planes")
""",
    "up_sets": """
p, q = random.dirichlet(np.ones(250_000), size=2)
at = np.arange(250_000).reshape(500, 500)
sides = ((at[:-1], at[1:]), (at[:, :-1], at[:, 1:]))
order = np.concatenate([np.column_stack([a.ravel(), b.ravel()]) for a, b in sides])
job = lambda: fd.set_discrepancy(p, q, "up-sets", order=order)
again = lambda: fd.set_discrepancy([0.5, 0.5], [0.25, 0.75], "up-sets", order=[(0, 1)])
""",
    "boxes": """
X = random.normal(size=(400_000, 2))
job = lambda: fd.sample_discrepancy(X[::2], X[1::2], "boxes")
again = lambda: fd.sample_discrepancy(X[:9], X[9:20], "boxes")
""",
    "bandwidth_likelihood": """
x = random.normal(size=(300_000, 2))
job = lambda: fd.bandwidth(x, "likelihood")
again = lambda: fd.bandwidth(x[:100], "likelihood")
""",
}

# What "a second" means on this machine: the pilot takes PILOT_SECONDS on one of 2020 without vector instructions.
# Processor time is measured, and of the calling thread alone, so that what else runs does not count.
PILOT_SECONDS = 0.05
PROGRAM = """
import time
import numpy as np
import fastdens as fd
random = np.random.default_rng(0)
P = random.normal(size=(4001, 3))
start = time.thread_time()
fd.kernel_sum(P, bandwidth=1.0, algorithm="direct", n_threads=1)
pilot = time.thread_time() - start
{job}
again()
print("started", pilot, flush=True)
try:
    while True:
        job()
except KeyboardInterrupt:
    print(time.thread_time(), flush=True)
    again()
"""


def processor_seconds(pid: int) -> float:
    """What the main thread of a running process has used so far."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("job", JOBS)
def test_ctrl_c_ends_a_long_call_within_a_second(job, n_threads):
    """Peers' bug: a compiled loop that cannot be interrupted (scikit-learn #9136)."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(job=JOBS[job])],
        cwd=tempfile.gettempdir(),
        env=environment(OMP_NUM_THREADS=str(n_threads)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            word, *numbers = process.stdout.readline().split() or [""]
            assert word == "started", process.stderr.read()
            second = max(1.0, float(numbers[0]) / PILOT_SECONDS)
            begun = processor_seconds(process.pid)
            while process.poll() is None and processor_seconds(process.pid) < begun + 0.2 * second:
                time.sleep(0.01)  # until the job is in the midst of its work, however long that takes
            sent = processor_seconds(process.pid)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=HANGS)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert float(output) - sent < second
