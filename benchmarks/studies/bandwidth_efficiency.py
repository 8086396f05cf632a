"""How good the selected bandwidths are: the table of efficiencies on the fifteen densities of Marron and Wand.

The efficiency of a rule on one density is the oracle's exact mean integrated squared error over the mean, over
samples, of the exact MISE at the bandwidths that the rule selects: 1 is as good as knowing the density. Beside it
stands the standard error of the mean, and the improved Sheather-Jones of KDEpy where it is installed.

    python benchmarks/studies/bandwidth_efficiency.py --rows 1000 --samples 200
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np

import fastdens as fd
from fastdens.bandwidths import RULES
from fastdens.bandwidths.marron_wand import DENSITIES, NormalMixture, optimal_bandwidth


def rules() -> dict[str, Callable[[np.ndarray], float]]:
    """Every rule of the package, and KDEpy's."""

    def ours(rule: str) -> Callable[[np.ndarray], float]:
        return lambda x: float(fd.bandwidth(x, rule))

    result = {rule: ours(rule) for rule in RULES}
    try:
        from KDEpy.bw_selection import improved_sheather_jones
    except ImportError:
        print("KDEpy is not installed: its column is left out")
    else:
        result["KDEpy isj"] = lambda x: float(improved_sheather_jones(x))
    return result


def efficiency(
    density: NormalMixture, rule: Callable[[np.ndarray], float], n_rows: int, n_samples: int
) -> tuple[float, float]:
    """Efficiency and its standard error; a sample on which the rule fails counts as none."""
    best = density.mise(optimal_bandwidth(density, n_rows), n_rows)
    losses = []
    for seed in range(n_samples):
        try:
            losses.append(density.mise(rule(density.sample(n_rows, seed)), n_rows) / best)
        except ValueError:
            continue
    mean = float(np.mean(losses)) if losses else np.nan
    return 1 / mean, float(np.std(losses)) / mean**2 / max(len(losses), 1) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="rows of each sample")
    parser.add_argument("--samples", type=int, default=200, help="samples per density")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    columns = rules()
    print(f"n = {arguments.rows}, {arguments.samples} samples; efficiency (standard error of its last digits)")
    print(f"{'density':24s}" + "".join(f"{name:>16s}" for name in columns))
    table = []
    for density in DENSITIES.values():
        cells = [efficiency(density, rule, arguments.rows, arguments.samples) for rule in columns.values()]
        table.append([value for value, _ in cells])
        print(f"{density.name:24s}" + "".join(f"{f'{v:.3f} ({1000 * e:.0f})':>16s}" for v, e in cells), flush=True)
    print(f"{'median density':24s}" + "".join(f"{v:16.3f}" for v in np.median(table, axis=0)))
    print(f"{'worst density':24s}" + "".join(f"{v:16.3f}" for v in np.min(table, axis=0)))


if __name__ == "__main__":
    main()
