"""A mixture of 30 normal distributions on 900 points of a ring: the shape no single component has.

    python examples/annulus_mixture.py [PICTURE.png]

Prints the log-likelihood of a few numbers of components on new points; with a path, draws the data, the
density and new points beside each other (needs matplotlib).
"""

import sys

import numpy as np

import fastdens as fd


def ring(n_samples, random, inner=1.0, outer=1.5):
    """Points uniform over the area between two circles."""
    radius = np.sqrt(random.uniform(inner**2, outer**2, n_samples))
    angle = random.uniform(0, 2 * np.pi, n_samples)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def main():
    random = np.random.default_rng(0)
    X, new = ring(900, random), ring(10_000, random)
    print(f"the true distribution's mean log-density is {-np.log(np.pi * (1.5**2 - 1.0**2)):.3f}")
    models = {}
    for n_components in (1, 5, 10, 30):
        models[n_components] = fd.GaussianMixture(n_components, n_init=3, random_state=0).fit(X)
        print(f"{n_components:3d} components: {models[n_components].score(new):.3f} per new point")
    if len(sys.argv) > 1:
        import matplotlib.pyplot as plt

        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
        fd.plot.plot_density(models[30], X, ax=left)
        drawn, _ = models[30].sample(900, random_state=0)
        right.scatter(*drawn.T, s=6, color="tab:orange", alpha=0.6)
        right.set(title="900 new points", xlim=left.get_xlim(), ylim=left.get_ylim())
        figure.savefig(sys.argv[1], dpi=120)


if __name__ == "__main__":
    main()
