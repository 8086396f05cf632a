"""What neighbours shared do to the variance of an estimate of a divergence where both densities are constant.

    python benchmarks/studies/neighbor_variance.py --repetitions 500

Two samples, uniform on a torus, which has no edges. For every number of features, sizes, neighbours and kind: the
variance over the variance of independent terms, and by how much the jackknife exceeds the latter in units of D, the
constant c of `fastdens.divergences.samples.neighbor_variance`.
"""

from __future__ import annotations

import argparse

import numpy as np

from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.samples.neighbor_variance import variances
from fastdens.divergences.samples.neighborhoods import Neighborhoods
from fastdens.neighbors.neighbors import kneighbors

KINDS = ("kl", "reverse_kl", "js", "squared_hellinger", "jeffreys")


def periodic(sample: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The sample with copies about the unit cube, and of which row each is a copy."""
    rows, origin = sample, np.arange(len(sample))
    for axis in range(sample.shape[1]):
        parts, origins = [rows], [origin]
        for near, step in ((rows[:, axis] < margin, 1.0), (rows[:, axis] > 1 - margin, -1.0)):
            shifted = rows[near].copy()
            shifted[:, axis] += step
            parts.append(shifted)
            origins.append(origin[near])
        rows, origin = np.vstack(parts), np.concatenate(origins)
    return rows, origin


def on_torus(samples: tuple[np.ndarray, np.ndarray], own: int, k: int) -> Neighborhoods:
    """Neighbourhoods of the rows of sample `own`."""
    d = samples[0].shape[1]
    # Room for four times as many rows as are looked for.
    margin = min(0.45, (4 * (k + 2) / min(map(len, samples))) ** (1 / d) / 2 + 0.02)
    radii, indices = [], []
    for i, sample in enumerate(samples):
        rows, origin = periodic(sample, margin)
        distances, found = kneighbors(rows, samples[own], k + 1 + (i == own), n_threads=1)
        distances, found = distances[:, int(i == own) :], found[:, int(i == own) :]
        radii.append({rank: distances[:, rank - 1] for rank in range(1, k + 2)})
        indices.append(origin[found])
    return Neighborhoods(samples[own], samples, own, radii, [len(sample) for sample in samples], 1, indices)


def print_rows(d: int, sizes: tuple[int, int], k: int, repetitions: int) -> None:
    random = np.random.default_rng(d)
    values: dict[str, list[float]] = {kind: [] for kind in KINDS}
    parts: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(repetitions):
        samples = random.random((sizes[0], d)), random.random((sizes[1], d))
        about = on_torus(samples, 0, k), on_torus(samples, 1, k)
        for kind in KINDS:
            generator = GENERATORS[kind]
            both = about[0].terms(generator, k, 0), about[1].terms(generator, k, 1)
            values[kind].append(float(both[0].mean() + both[1].mean()))
            parts[kind].append(variances(about, generator, k, both))
    for kind in KINDS:
        independent, jackknife, separate = np.mean(parts[kind], axis=0)
        ratio, surplus = np.var(values[kind]) / independent, (jackknife - independent) / separate
        print(f"| {d} | {sizes[0]}, {sizes[1]} | {k} | {kind} | {ratio:.2f} | {surplus:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--features", type=int, nargs="*", default=[1, 2, 3])
    arguments = parser.parse_args()
    print("| d | rows | k | kind | variance / independent | c |\n|---|---|---|---|---|---|")
    for d in arguments.features:
        for sizes in ((500, 500), (300, 1200), (1200, 300)):
            for k in (4, 6, 10):
                print_rows(d, sizes, k, arguments.repetitions)


if __name__ == "__main__":
    main()
