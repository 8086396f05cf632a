"""What the distances between distributions are, in four pictures: `python examples/distances_in_pictures.py
distances.png`.

The total variation of two distributions on four outcomes by all subsets; that of two densities with its witness set,
and what it says about tests; the Gaussians nearest to a distribution with two modes by KL in both directions and by
Jensen-Shannon; and what each divergence says as two Gaussians move apart.
"""

import sys

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import fastdens as fd

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#888888"


def gaussian(mean, sd):
    """The normal distribution as a fitted model: maximum likelihood on two points a standard deviation away."""
    return fd.Gaussian().fit([[mean - sd], [mean + sd]])


def density(model, x):
    return np.exp(model.score_samples(x[:, None]))


def all_subsets(ax):
    table = fd.list_subsets([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])
    rows = np.arange(len(table))
    heights = np.abs(table.discrepancies)
    ax.bar(rows, heights, color=np.where(heights == table.distance, ORANGE, GREY), width=0.7)
    ax.plot(rows, np.where(heights == 0, 0, np.nan), ".", color=GREY, ms=5)
    ax.set_xticks(rows, [table.name(row) for row in rows], rotation=90, fontsize=8)
    ax.set_ylim(0, 0.6)
    ax.set_title(f"|P(A) - Q(A)| over all {len(table)} subsets: the largest is D = {table.distance}", loc="left")


def witness(ax):
    p, q, x = gaussian(0, 1), gaussian(1.6, 0.75), np.linspace(-4, 5, 1201)
    dp, dq = density(p, x), density(q, x)
    ax.fill_between(x, np.minimum(dp, dq), color=GREY, alpha=0.45, lw=0, label="errors of the best test: 1 - D")
    ax.fill_between(x, dp, dq, where=dp > dq, color=BLUE, alpha=0.3, lw=0, label="P(A) - Q(A) = D, A = {p > q}")
    ax.plot(x, dp, color=BLUE)
    ax.plot(x, dq, color=ORANGE)
    distance = fd.divergence(p, q, "tv").value
    test = fd.best_test(p, q, random_state=0)
    total = test.error_of_first_kind + test.error_of_second_kind
    ax.set_title(f"D = {distance:.4f}; simulated errors add to {total:.3f}, 1 - D = {1 - distance:.3f}", loc="left")
    ax.set_ylim(0, 0.78)
    ax.legend(frameon=False, fontsize=8, loc="upper left")


def nearest_gaussians(ax):
    random = np.random.default_rng(0)
    two = fd.GaussianMixture(2, random_state=0).fit(
        np.concatenate([random.normal(-2, 0.6, 6000), random.normal(2, 0.9, 4000)])[:, None]
    )
    x = np.linspace(-7, 7, 1001)
    ax.fill_between(x, density(two, x), color=GREY, alpha=0.4, lw=0, label="p")
    for kind, color, label in (
        ("kl", BLUE, "forward KL: avoids zeros of q"),
        ("js", GREEN, "Jensen-Shannon"),
        ("reverse_kl", ORANGE, "reverse KL: forces zeros of q"),
    ):
        fit = fd.fit_divergence(fd.Gaussian(), two, kind, random_state=0)
        ax.plot(x, density(fit, x), color=color, label=label)
    ax.set_title("The Gaussian q nearest to p depends on the divergence", loc="left")
    ax.set_ylim(0, 0.68)
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def as_they_move_apart(ax):
    shifts = np.linspace(0, 5, 26)
    for kind, color, label in (
        ("kl", BLUE, "KL"),
        ("tv", ORANGE, "total variation"),
        ("js", GREEN, "Jensen-Shannon, at most ln 2"),
        ("hellinger", GREY, "Hellinger distance"),
    ):
        values = [fd.divergence(gaussian(0, 1), gaussian(shift, 1), kind).value for shift in shifts]
        ax.plot(shifts, values, color=color, label=label)
    ax.axhline(np.log(2), color=GREEN, lw=0.8, ls=":")
    ax.set_ylim(0, 2)
    ax.set_xlabel("distance of the means of two normal distributions, in standard deviations", fontsize=9)
    ax.set_title("All but KL are bounded", loc="left")
    ax.legend(frameon=False, fontsize=8, loc="upper left")


def main(path):
    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4), layout="constrained")
    for draw, ax in zip((all_subsets, witness, nearest_gaussians, as_they_move_apart), axes.ravel()):
        draw(ax)
        ax.spines[["top", "right"]].set_visible(False)
        ax.title.set_fontsize(10)
    figure.savefig(path, dpi=65)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "distances.png")
