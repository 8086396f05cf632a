"""How fast the mean integrated squared error (MISE) of a Gaussian kernel density falls with n, for d = 1, 2, 3.

The best rate for twice differentiable densities is n^(-4 / (4 + d)). Samples are drawn from a mixture of normals; the
bandwidth minimises the exact MISE; the integrated squared error of each estimate is computed in closed form from sums
over pairs (Wand and Jones 1995, sections 2.6 and 4.3), which `kernel_sum` forms in linear time.

    python benchmarks/studies/mise_rates.py [--quick] [--picture docs/images/mise_rates.png]
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy.optimize import minimize_scalar

import fastdens as fd

SIZES = {
    1: (1_000, 4_000, 16_000, 64_000, 256_000),
    2: (4_000, 16_000, 64_000, 256_000),
    3: (4_000, 12_000, 36_000, 108_000),
}
SAMPLES_OF_SMALLEST, FEWEST_SAMPLES = 100, 30
SHARES, SCALES = np.array([0.6, 0.4]), np.array([1.0, 0.7])


def centres(d: int) -> np.ndarray:
    return np.array([np.zeros(d), np.full(d, 1.5 / math.sqrt(d))])


def normal(squares: np.ndarray, variance: np.ndarray | float, d: int) -> np.ndarray:
    """The spherical normal density at these squared distances."""
    return np.exp(-0.5 * squares / variance) / (2 * np.pi * variance) ** (d / 2)


def omega(a: float, h: float, d: int) -> float:
    """Integral of the density smoothed by variance a h^2, times the density."""
    squares = ((centres(d)[:, None] - centres(d)) ** 2).sum(axis=2)
    variances = a * h * h + SCALES[:, None] ** 2 + SCALES**2
    return float(SHARES @ normal(squares, variances, d) @ SHARES)


def exact_mise(h: float, n: int, d: int) -> float:
    variance = 1 / (n * (4 * math.pi) ** (d / 2) * h**d)
    return variance + (1 - 1 / n) * omega(2, h, d) - 2 * omega(1, h, d) + omega(0, h, d)


def best_bandwidth(n: int, d: int) -> float:
    found = minimize_scalar(lambda t: math.log(exact_mise(math.exp(t), n, d)), bounds=(-6, 1.5), method="bounded")
    return math.exp(found.x)


def draw(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    labels = random.choice(len(SHARES), n, p=SHARES)
    return centres(d)[labels] + SCALES[labels][:, None] * random.standard_normal((n, d))


def integrated_squared_error(X: np.ndarray, h: float) -> float:
    """ISE of the estimate from X in closed form; pair sums with a guaranteed relative error of 1e-7."""
    n, d = X.shape
    pairs = fd.kernel_sum(X, bandwidth=math.sqrt(2) * h, rtol=1e-7).sum() / (4 * math.pi * h * h) ** (d / 2) / n**2
    squares = ((X[:, None, :] - centres(d)) ** 2).sum(axis=2)
    cross = (normal(squares, h * h + SCALES**2, d) @ SHARES).mean()
    return float(pairs - 2 * cross + omega(0, h, d))


def study(
    d: int, sizes: tuple[int, ...], most_samples: int, seed: int = 0
) -> list[tuple[int, float, float, float, float]]:
    """Rows (n, bandwidth, exact MISE, mean ISE of samples, its standard error)."""
    random, rows = np.random.default_rng([seed, d]), []
    for n in sizes:
        h = best_bandwidth(n, d)
        count = max(FEWEST_SAMPLES, most_samples * sizes[0] // n)
        errors = np.array([integrated_squared_error(draw(random, n, d), h) for _ in range(count)])
        rows.append((n, h, exact_mise(h, n, d), errors.mean(), errors.std(ddof=1) / math.sqrt(count)))
    return rows


def slope(rows: list[tuple[int, float, float, float, float]]) -> float:
    """Of log MISE over log n, by least squares."""
    n, _, _, mean, _ = np.array(rows).T
    return float(np.polyfit(np.log(n), np.log(mean), 1)[0])


def draw_picture(results: dict, path: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
    for d, rows in results.items():
        n, _, exact, mean, error = np.array(rows).T
        line = axes.plot(n, exact, lw=1)[0]
        axes.errorbar(
            n, mean, 2 * error, fmt="o", ms=5, color=line.get_color(), capsize=3,
            label=f"d = {d}: slope {slope(rows):.3f}, theory {-4 / (4 + d):.3f}",
        )  # fmt: skip
        axes.plot(n, mean[0] * (n / n[0]) ** (-4 / (4 + d)), "--", lw=0.8, color="0.6")
    axes.set(xscale="log", yscale="log", xlabel="number of points n", ylabel="mean integrated squared error")
    axes.set_title(
        "Gaussian kernel density at its best bandwidth\n(dots: samples, 2 s.e.; lines: exact; dashed: theory)"
    )
    axes.legend()
    axes.grid(alpha=0.2)
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> dict[int, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few samples")
    parser.add_argument("--picture", help="file for a picture")
    options = parser.parse_args(arguments)
    results = {}
    print("| d | n | bandwidth | exact MISE | mean ISE | s.e. |\n|---|---|---|---|---|---|")
    for d, sizes in SIZES.items():
        rows = study(d, (200, 800), 40) if options.quick else study(d, sizes, SAMPLES_OF_SMALLEST)
        results[d] = rows
        for n, h, exact, mean, error in rows:
            print(f"| {d} | {n} | {h:.4f} | {exact:.4e} | {mean:.4e} | {error:.1e} |")
    print("\n| d | measured slope | -4 / (4 + d) | ratio |\n|---|---|---|---|")
    slopes = {d: slope(rows) for d, rows in results.items()}
    for d, measured in slopes.items():
        print(f"| {d} | {measured:.4f} | {-4 / (4 + d):.4f} | {measured * (4 + d) / -4:.3f} |")
    if options.picture:
        draw_picture(results, options.picture)
    return slopes


if __name__ == "__main__":
    main()
