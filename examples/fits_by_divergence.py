"""One normal distribution, fitted by different divergences: forward KL covers all modes of the data, reverse KL chooses
one.

    python examples/fits_by_divergence.py [PICTURE.png]

Prints the fits and their divergences; with a path, draws them over the data (needs matplotlib).
"""

import sys

import numpy as np

import fastdens as fd

COLOURS = {"kl": "#0072B2", "js": "#009E73", "reverse_kl": "#D55E00"}
TITLES = {
    "kl": "forward KL(p || q) covers every mode",
    "js": "Jensen-Shannon, in between",
    "reverse_kl": "reverse KL(q || p) chooses one mode",
}
MASSES = (0.9, 0.5)  # probability within the contours


def one_group(random):
    """600 points of a normal distribution."""
    return random.multivariate_normal([3.0, 2.5], [[4.0, 2.2], [2.2, 2.5]], 600)


def three_groups(random):
    """1 000 points of three normal distributions that hardly overlap."""
    means, spreads = [[0.0, 0.0], [5.5, 0.8], [2.0, 6.5]], [[1.0, 0.0], [0.8, 0.4], [0.7, -0.3]]
    parts = []
    for mean, (scale, slope), count in zip(means, spreads, (450, 350, 200)):
        noise = random.normal(size=(count, 2))
        parts.append(mean + np.column_stack([noise[:, 0], slope * noise[:, 0] + scale * noise[:, 1]]))
    return np.concatenate(parts)


def draw(ax, X, fitted, kind, title):
    """The data, contours of their estimated density in grey, those of the fit in colour."""
    centre, half = (X.min(axis=0) + X.max(axis=0)) / 2, np.ptp(X, axis=0).max() / 2 + 1.8
    low, high = centre - half, centre + half
    x, y = np.meshgrid(np.linspace(low[0], high[0], 200), np.linspace(low[1], high[1], 200))
    places = np.column_stack([x.ravel(), y.ravel()])
    target = fd.KernelDensity(bandwidth="likelihood").fit(X)
    p, q = (np.exp(model.score_samples(places)).reshape(x.shape) for model in (target, fitted))
    levels = [*(target.level(mass) for mass in (0.95, 0.8, 0.6, 0.4, 0.2)), p.max() * 1.01]
    ax.contourf(x, y, p, levels=levels, cmap="Greys", alpha=0.55, vmin=-0.3 * p.max())
    ax.scatter(*X.T, s=2.5, color="0.2", linewidths=0, alpha=0.6)
    ax.contour(x, y, q, levels=[fitted.level(mass) for mass in MASSES], colors=COLOURS[kind], linewidths=[1.6, 2.4])
    ax.plot(*fitted.mean_, "+", color=COLOURS[kind], markersize=10, markeredgewidth=2)
    ax.set_title(title, fontsize=10.5, loc="left", color=COLOURS[kind])
    ax.set(aspect="equal", xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_color("0.8")


def main():
    random = np.random.default_rng(1)
    simple, modes = one_group(random), three_groups(random)
    fits = {kind: fd.fit_divergence(fd.Gaussian(), modes, kind, random_state=0) for kind in TITLES}
    for kind, fitted in fits.items():
        deviations = np.sqrt(np.diag(fitted.covariance_)).round(2)
        value = fitted.divergence_.value
        print(f"{kind:>10}: mean {fitted.mean_.round(2)}, standard deviations {deviations}, divergence {value:.3f}")
    if len(sys.argv) > 1:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8.6, 9.0), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        draw(
            axes[0],
            simple,
            fd.fit_divergence(fd.Gaussian(), simple, "kl"),
            "kl",
            "forward KL on data of one mode: maximum likelihood",
        )
        for ax, kind in zip(axes[1:], TITLES):
            draw(ax, modes, fits[kind], kind, TITLES[kind])
        figure.supxlabel(
            "grey: the data and their estimated density p;  coloured: the fitted normal distribution q, "
            "with 50 % and 90 % of "
            "its mass inside",
            fontsize=9,
            color="0.3",
        )
        figure.savefig(sys.argv[1], dpi=90)


if __name__ == "__main__":
    main()
