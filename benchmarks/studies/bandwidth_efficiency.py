"""How good the selected bandwidths are: the table of efficiencies on the fifteen densities of Marron and Wand.

The efficiency of a rule on one density is the oracle's exact mean integrated squared error over the mean, over
samples, of the exact MISE at the bandwidths that the rule selects: 1 is as good as knowing the density. Beside it
stands the standard error of the mean, and the improved Sheather-Jones of KDEpy on the same samples where it is
installed. The second table is of the paired differences of the loss (MISE over the oracle's): rule less KDEpy.

    python benchmarks/studies/bandwidth_efficiency.py --rows 1000 --samples 200 --store bandwidths.json

With `--store` the bandwidths are kept in a file after each density, and a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastdens as fd
from fastdens.bandwidths.marron_wand import DENSITIES, NormalMixture, optimal_bandwidth

OURS = ("scott", "silverman", "likelihood", "lscv", "isj", "sheather-jones")
PEER = "KDEpy isj"


def rules() -> dict[str, Callable[[np.ndarray], float]]:
    """Every rule of the package for one feature, and KDEpy's."""

    def ours(rule: str) -> Callable[[np.ndarray], float]:
        return lambda x: float(fd.bandwidth(x, rule))

    result = {rule: ours(rule) for rule in OURS}
    try:
        from KDEpy.bw_selection import improved_sheather_jones
    except ImportError:
        print("KDEpy is not installed: its column is left out")
    else:
        result[PEER] = lambda x: float(improved_sheather_jones(x))
    return result


def selected(density: NormalMixture, rule: Callable[[np.ndarray], float], n_rows: int, n_samples: int) -> list[float]:
    """The bandwidth of each sample, NaN where the rule fails."""
    found = []
    for seed in range(n_samples):
        try:
            found.append(rule(density.sample(n_rows, seed)))
        except ValueError:
            found.append(np.nan)
    return found


def losses(density: NormalMixture, bandwidths: list[float], n_rows: int) -> np.ndarray:
    """Exact MISE at each bandwidth over that of the best one."""
    best = density.mise(optimal_bandwidth(density, n_rows), n_rows)
    return np.array([density.mise(h, n_rows) if h > 0 else np.nan for h in bandwidths]) / best


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error over the samples that have a value."""
    values = values[np.isfinite(values)]
    return float(values.mean()), float(values.std()) / max(len(values) - 1, 1) ** 0.5


def row(name: str, cells: list[str]) -> None:
    print("| " + " | ".join([name, *cells]) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="rows of each sample")
    parser.add_argument("--samples", type=int, default=200, help="samples per density")
    parser.add_argument("--store", type=Path, help="file in which the bandwidths are kept")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    columns = rules()
    kept = json.loads(arguments.store.read_text()) if arguments.store and arguments.store.exists() else {}
    loss: dict[str, dict[str, np.ndarray]] = {}
    for density in DENSITIES.values():
        loss[density.name] = {}
        for name, rule in columns.items():
            key = f"{density.name}; {name}; {arguments.rows}; {arguments.samples}"
            if key not in kept:
                kept[key] = selected(density, rule, arguments.rows, arguments.samples)
            loss[density.name][name] = losses(density, kept[key], arguments.rows)
        if arguments.store:
            arguments.store.write_text(json.dumps(kept))

    print(f"n = {arguments.rows}, {arguments.samples} samples; efficiency (standard error of its last digits)\n")
    row("density", list(columns))
    row("---", ["---:"] * len(columns))
    efficiencies = []
    for density_name, of_rule in loss.items():
        pairs = [mean_and_error(values) for values in of_rule.values()]
        efficiencies.append([1 / mean for mean, _ in pairs])
        row(density_name, [f"{1 / mean:.3f} ({1000 * error / mean**2:.0f})" for mean, error in pairs])
    row("**median density**", [f"{v:.3f}" for v in np.median(efficiencies, axis=0)])
    row("**worst density**", [f"{v:.3f}" for v in np.min(efficiencies, axis=0)])
    if PEER not in columns:
        return
    print(f"\nMean loss less that of {PEER} on the same samples, in its standard errors (negative: better)\n")
    row("density", list(OURS))
    row("---", ["---:"] * len(OURS))
    for density_name, of_rule in loss.items():
        pairs = [mean_and_error(of_rule[name] - of_rule[PEER]) for name in OURS]
        row(density_name, [f"{mean:+.4f} ({mean / max(error, 1e-300):+.1f})" for mean, error in pairs])


if __name__ == "__main__":
    main()
