r"""A lower bound of any f-divergence by a function of the points, learnt on some rows and judged on others.

.. math:: D_f(P, Q) \ge E_P[T] - E_Q[f^*(T)] \quad \text{for every } T \text{ with values where } f^* \text{ is finite}

(Nguyen, Wainwright and Jordan 2010). T = f'(exp g), so that every function g is allowed and g = ln(p / q) is best; g is
a sum of a quadratic polynomial and of Gaussian bumps. For the generators that are concave in g (KL, its reverse, their
sum, Jensen-Shannon, Hellinger and the alpha family between 0 and 1) g maximises the bound itself, for others that of
Jensen-Shannon, which is logistic regression: a convex problem in any case. On rows that g has not seen the mean of the
bound's terms is at most the divergence in expectation, however poor g is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.divergences.generators import GENERATORS, Generator
from fastdens.divergences.samples.cross_fitting import Weights, splits
from fastdens.divergences.samples.first_order import is_concave, slopes, sum_of_means, terms
from fastdens.divergences.samples.neighbor_ratios import Estimate
from fastdens.divergences.samples.neighbor_space import whitening

N_BUMPS = 50
MOST_PRODUCTS = 10  # features of which products are taken; of more only squares
# Of the squares of all coefficients but the constant's, over the number of rows; more where a large ratio costs without
# limit, as one row of Y in a place where g has risen for want of any undoes the bound.
RIDGE, RIDGE_OF_UNBOUNDED = 5.0, 30.0
ONE_SIDED_QUANTILE = 1.6448536269514722  # 95 % of the normal distribution


def variational_estimate(
    X: np.ndarray,
    Y: np.ndarray,
    generator: Generator,
    n_folds: int,
    random: np.random.Generator,
    weights: Weights = (None, None),
) -> Estimate:
    """The mean of the bounds of all folds, and its standard error."""
    A, B = np.empty(len(X)), np.empty(len(Y))
    ends = bounds_of_log_ratio(generator, len(X) + len(Y))
    objective = generator if is_concave(generator) else GENERATORS["js"]
    for learn, judge in splits((len(X), len(Y)), n_folds, random):
        learn_weights = tuple(None if w is None else w[rows] for w, rows in zip(weights, learn))
        g = fit_log_ratio(X[learn[0]], Y[learn[1]], objective, random, (learn_weights[0], learn_weights[1]))
        A[judge[0]] = terms(generator, np.clip(g(X[judge[0]]), *ends))[0]
        B[judge[1]] = terms(generator, np.clip(g(Y[judge[1]]), *ends))[1]
    return Estimate(*sum_of_means(A, B, weights))


def fit_log_ratio(
    X: np.ndarray, Y: np.ndarray, generator: Generator, random: np.random.Generator, weights: Weights = (None, None)
) -> Callable[[np.ndarray], np.ndarray]:
    """The g that maximises E_P[A(g)] + E_Q[B(g)] on these rows, less a ridge; kept within the values it has there."""
    from scipy.optimize import minimize

    functions = _basis(X, Y, random)
    F, G = functions(X), functions(Y)
    shares = [np.full(len(w_rows), 1.0 / len(w_rows)) if w is None else w / w.sum()
              for w_rows, w in zip((F, G), weights)]  # fmt: skip
    strength = RIDGE if math.isfinite(generator.slope_at_infinity) else RIDGE_OF_UNBOUNDED
    ridge = np.full(F.shape[1], strength / (len(F) + len(G)))
    ridge[0] = 0.0

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        u, v = F @ w, G @ w
        value = shares[0] @ terms(generator, u)[0] + shares[1] @ terms(generator, v)[1]
        slope = F.T @ (shares[0] * slopes(generator, u)[0]) + G.T @ (shares[1] * slopes(generator, v)[1])
        return float(ridge @ w**2 - value), 2.0 * ridge * w - slope

    w = minimize(loss, np.zeros(F.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    seen = np.concatenate([F @ w, G @ w])
    low, high = float(seen.min()), float(seen.max())
    return lambda points: np.clip(functions(points) @ w, low, high)


def bounds_of_log_ratio(generator: Generator, n: int) -> tuple[float, float]:
    """Where to end g, so that a single row that it is wrong about does not undo the bound.

    No bound that holds with confidence exceeds ln n by much (McAllester and Stratos 2020). Where mass that only one
    distribution has costs without limit, a term grows like a power of the ratio, and that power is to stay below the
    root of n.
    """
    powers = [alpha for _, alpha in generator.powers] or [1.0]
    most = math.log(n)
    low = most if math.isfinite(generator.at_zero) else most / (2.0 * max(1.0, *(1.0 - alpha for alpha in powers)))
    high = most if math.isfinite(generator.slope_at_infinity) else most / (2.0 * max(1.0, *powers))
    return -low, high


def _basis(X: np.ndarray, Y: np.ndarray, random: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A constant, the coordinates, their products, and Gaussian bumps about some of the rows."""
    into = whitening(X, Y)
    rows = np.concatenate([into(X), into(Y)])
    centres = rows[random.choice(len(rows), min(N_BUMPS, len(rows)), replace=False)]
    squares = _squared_distances(centres, centres)
    # Half the median distance between the centres: bumps overlap and still tell parts of the data apart.
    width = 0.5 * math.sqrt(float(np.median(squares[squares > 0]))) if (squares > 0).any() else 1.0

    def functions(points: np.ndarray) -> np.ndarray:
        z = into(points)
        d = z.shape[1]
        first, second = np.triu_indices(d) if d <= MOST_PRODUCTS else (np.arange(d), np.arange(d))
        bumps = np.exp(_squared_distances(z, centres) / (-2.0 * width**2))
        return np.hstack([np.ones((len(z), 1)), z, z[:, first] * z[:, second], bumps])

    return functions


def _squared_distances(Z: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squares = np.zeros((len(Z), len(centres)))
    for feature in range(Z.shape[1]):
        squares += np.subtract.outer(Z[:, feature], centres[:, feature]) ** 2
    return squares
