"""Moments of the nodes of a tree in plain NumPy."""

from __future__ import annotations

import numpy as np


def n_moments(d, s):
    """Numbers that the moments of a node take, for (1 - u^2)^s in d dimensions."""
    pairs = d * (d + 1) // 2
    return 4 + [0, d, 3 * d + pairs, 3 * d + 2 * pairs + d * (d + 1) * (d + 2) // 6][s]


def node_moments(points, weights, starts, counts, kinds, leaf_size, s, centres, wanted, factors, moments_out, queue):
    """Moments of the wanted nodes' points about their centres, in bandwidths; `factors` are 1 / h per axis."""
    d = centres.shape[1]
    flat = np.empty((len(weights), d))
    for leaf in np.flatnonzero((kinds > 0) & (counts > 0)):
        first, stride = starts[leaf], -(-counts[leaf] // leaf_size) * leaf_size
        flat[first : first + stride] = points[first * d : (first + stride) * d].reshape(d, stride).T
    for node in np.flatnonzero(wanted):
        places = slice(starts[node], starts[node] + counts[node])
        y, w = (flat[places] - centres[node]) * factors, weights[places]
        c = (y**2).sum(axis=1)
        orders = {1: 1, 2: 3, 3: 6}
        pairs = np.array([y[:, a] * y[:, b] * (1 + (a != b)) for a in range(d) for b in range(a + 1)])
        triples = np.array(
            [
                y[:, a] * y[:, b] * y[:, k] * orders[len({a, b, k})]
                for a in range(d)
                for b in range(a + 1)
                for k in range(b + 1)
            ]
        )
        by_power = [w * c**power for power in range(4)]
        scalars = [by_power[power].sum() if power <= s else 0.0 for power in range(4)]
        vectors = [by_power[power] @ y if s > power else np.zeros(d) for power in range(3)]
        if s == 1:
            vectors = vectors[:1]
        parts = [scalars, *vectors, pairs @ w, pairs @ by_power[1], triples @ w]
        moments_out[node] = np.concatenate(parts)[: n_moments(d, s)]
