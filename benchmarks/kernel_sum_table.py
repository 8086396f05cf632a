"""Print the table of docs/kernel_sums.md: `python benchmarks/kernel_sum_table.py [WORD ...]`, all or some rows.

The rows are those of `benchmarks/benchmarks/large_problems.py`, which asv tracks too; `growth` prints the times per
point at three sizes.
"""

from __future__ import annotations

import sys

from benchmarks.large_problems import ROWS, Growth, line


def growth() -> None:
    """Nanoseconds per point and query at three sizes."""
    kernels, sizes = Growth.params
    print("\n| n = m | " + " | ".join(kernels) + " |\n|---|" + "---|" * len(kernels))
    for n in sizes:
        cells = []
        for kernel in kernels:
            case = Growth()
            case.setup(kernel, n)
            cells.append(f"{case.track_nanoseconds_per_point(kernel, n):.0f} ns")
        print(f"| {n} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    wanted = sys.argv[1:]
    print("| work | route | time | largest relative error | peer | its time | ratio |\n|---|---|---|---|---|---|---|")
    for work, measure in ROWS.items():
        if not wanted or any(word in work for word in wanted):
            try:
                print(line(work, measure()), flush=True)
            except NotImplementedError as error:
                print(f"{work}: {error}", file=sys.stderr)
    if not wanted or "growth" in wanted:
        growth()
