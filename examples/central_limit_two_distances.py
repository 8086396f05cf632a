"""Total variation is too strong for the central limit theorem: the two distances of S_n / sqrt(n) from the normal
distribution.

    python examples/central_limit_two_distances.py [PICTURE.png]

S_n is the sum of n fair steps of +1 or -1. Its distribution lives on a lattice, which has probability 0 under the
normal distribution: the total variation distance is 1 for every n. The Kolmogorov distance falls as 1 / sqrt(2 pi n).
With a path, draws both distances and the two distribution functions at n = 16 (needs matplotlib).
"""

import sys

import numpy as np
from scipy.special import ndtr

import fastdens as fd

SIZES = (1, 4, 16, 64, 256, 1_024, 10_000, 100_000, 1_000_000)


def scaled_sum(n):
    """Where S_n / sqrt(n) lies and with what probabilities; 20 standard deviations to each side are enough."""
    reach = min(n // 2, int(10 * np.sqrt(n)) + 10)
    heads = np.arange(n // 2 - reach, min(n, n // 2 + reach + 1) + 1)
    # Ratios of neighbouring binomial coefficients, multiplied outward from the middle one.
    middle = n // 2 - heads[0]
    upward = np.cumprod((n - heads[middle:-1]) / (heads[middle:-1] + 1.0))
    downward = np.cumprod(heads[1 : middle + 1][::-1] / (n - heads[1 : middle + 1][::-1] + 1.0))
    masses = np.concatenate([downward[::-1], [1.0], upward])
    return (2.0 * heads - n) / np.sqrt(n), masses / masses.sum()


def distances(n):
    """Total variation and Kolmogorov distance of S_n / sqrt(n) from the normal distribution."""
    points, probabilities = scaled_sum(n)
    return (
        fd.set_discrepancy(probabilities, ndtr, "all", points).value,
        fd.set_discrepancy(probabilities, ndtr, "half-lines", points).value,
    )


def picture(table, path):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    n, total_variation, kolmogorov = np.array(table).T
    left.loglog(n, total_variation, "o-", label="total variation")
    left.loglog(n, kolmogorov, "s-", label="Kolmogorov")
    left.loglog(n, 1 / np.sqrt(2 * np.pi * n), "k:", label=r"$1/\sqrt{2\pi n}$")
    left.set(title=r"distance of $S_n/\sqrt{n}$ from the normal distribution", xlabel="n")
    left.legend()
    points, probabilities = scaled_sum(16)
    found = fd.set_discrepancy(probabilities, ndtr, points=points)
    x = np.linspace(-4, 4, 400)
    right.plot(x, ndtr(x), label="normal")
    right.step(np.append(points, 5), np.append(np.cumsum(probabilities), 1), where="post", label="n = 16")
    right.axvline(found.witness.high, color="gray", ls="--", label=f"largest gap: {found.value:.3f}")
    right.set(title="distribution functions", xlabel="x", xlim=(-4, 4))
    right.legend()
    figure.savefig(path, dpi=120)


def main():
    table = [(n, *distances(n)) for n in SIZES]
    print("        n   total variation   Kolmogorov   Kolmogorov * sqrt(n)")
    for n, total_variation, kolmogorov in table:
        print(f"{n:9d} {total_variation:17.6f} {kolmogorov:12.8f} {kolmogorov * np.sqrt(n):22.6f}")
    if len(sys.argv) > 1:
        picture(table, sys.argv[1])


if __name__ == "__main__":
    main()
