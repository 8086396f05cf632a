"""Which of several densities describes data best: cross-validated log-likelihood of points not used in the fit."""

from __future__ import annotations

import copy
import inspect
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation


@dataclass(frozen=True, eq=False)
class Candidate:
    """What cross-validation found about one model.

    Attributes
    ----------
    name : str
        Name of the model in the comparison.
    model : object
        The model as it was given; not fitted.
    score : float
        Mean log-density of the held-out points, weighted where weights were given (natural logarithm, per point).
        ``-inf`` if the model gives density zero to any of them, ``inf`` if it gives infinite density to any,
        ``nan`` if it could not be fitted.
    standard_error : float
        Of `score`; ``nan`` where the score is not finite.
    zero_fraction : float
        Share (by weight) of the held-out points to which the model gives density zero.
    score_elsewhere : float
        Mean log-density of the other held-out points; equal to `score` if `zero_fraction` is 0.
    infinite_fraction : float
        Share (by weight) of the held-out points with infinite density.
    difference, difference_error : float
        Score of the best model minus this one's, and its standard error, over the same points.
    fit_seconds, score_seconds : float
        Time spent in fitting and in scoring, over all folds.
    log_density : ndarray of shape (n_samples,)
        Held-out log-density of every row of X; ``nan`` for rows of weight zero.
    error : str
        Why the model could not be fitted or scored; empty if it could.
    """

    name: str
    model: Any
    score: float
    standard_error: float
    zero_fraction: float
    score_elsewhere: float
    infinite_fraction: float
    difference: float
    difference_error: float
    fit_seconds: float
    score_seconds: float
    log_density: np.ndarray
    error: str = ""

    def explain_score(self) -> str:
        """The score in words: ``-4.166 ± 0.052``, or why it is not a number."""
        if self.error:
            return f"failed: {self.error}"
        if self.infinite_fraction:
            return f"inf (infinite density at {self.infinite_fraction:.2%} of the held-out points)"
        if self.zero_fraction:
            return f"-inf (density 0 at {self.zero_fraction:.2%} of the held-out points)"
        return f"{self.score:.3f} ± {self.standard_error:.3f}"


@dataclass(frozen=True, eq=False)
class DensitySelection:
    """Models in order of their held-out log-likelihood, the best first.

    Attributes
    ----------
    candidates : list of Candidate
        Best first: finite scores, then those with the fewest held-out points of density zero, then those with
        infinite densities, then failures.
    best_name : str
        Name of the best candidate.
    best_model : object
        The best model, fitted to all data (None if ``refit=False``).
    folds : ndarray of shape (n_samples,)
        The fold in which each row was held out; -1 for rows of weight zero.
    """

    candidates: list[Candidate]
    best_name: str
    best_model: Any
    folds: np.ndarray

    def __getitem__(self, name: str) -> Candidate:
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def table(self) -> list[dict[str, Any]]:
        """One dictionary per model, best first; ``pandas.DataFrame(selection.table())`` makes a frame of it."""
        return [
            {key: value for key, value in vars(candidate).items() if key not in ("model", "log_density")}
            for candidate in self.candidates
        ]

    def __str__(self) -> str:
        width = max(len(candidate.name) for candidate in self.candidates)
        return "\n".join(
            f"{candidate.name:<{width}}  {candidate.explain_score()}"
            + (f"  (best - this: {candidate.difference:.3f} ± {candidate.difference_error:.3f})" if place else "")
            for place, candidate in enumerate(self.candidates)
        )


def select_density(
    models: Mapping[str, Any] | Iterable[Any],
    X: Any,
    *,
    sample_weight: Any = None,
    n_folds: int = 5,
    random_state: Any = 0,
    refit: bool = True,
    on_error: str = "raise",
    callback: Callable[[int, int], object] | None = None,
) -> DensitySelection:
    """Compare densities by their cross-validated log-likelihood per point, and take the best.

    Rows are dealt at random into folds, the same for every model. Each model is fitted to all folds but one and
    gives the log-density of the points of that one, so every point is scored by a fit that has not seen it.

    Parameters
    ----------
    models : mapping of str to model, or iterable of models
        What to compare: anything with ``fit`` and ``score_samples``. The models themselves are not fitted, copies
        are. Without names, the models' representations are their names.
    X : array-like of shape (n_samples, n_features)
        Data.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row, in the fits and in the scores. Rows of weight zero are left out.
    n_folds : int, default=5
        Number of folds, from 2 to the number of rows; the latter is leave-one-out.
    random_state : int, Generator, RandomState or None, default=0
        Deals the rows into folds. The default gives the same folds in each call.
    refit : bool, default=True
        Whether to fit the best model to all data.
    on_error : {"raise", "record"}, default="raise"
        What to do when a model cannot be fitted or scored: raise its error, or place it last with the error's text.
    callback : callable, optional
        Called as ``callback(done, total)`` after each fit.

    Returns
    -------
    DensitySelection
        ``candidates`` (best first), ``best_name``, ``best_model``, ``folds``; printing it shows a table.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or no model could be scored.

    Notes
    -----
    The score of a model is the mean over the held-out points,

    .. math:: \\hat s = \\sum_i w_i \\log \\hat p_{-f(i)}(x_i) / \\sum_i w_i,

    an estimate of minus the cross-entropy between the distribution of the data and the estimate: the larger it is, the
    smaller the Kullback-Leibler divergence. Its standard error,
    :math:`\\sqrt{n/(n-1) \\sum_i w_i^2 (\\log \\hat p_i - \\hat s)^2} / \\sum_i w_i`, treats the rows as independent,
    which leaves out that the folds share training rows. To compare two models use ``difference`` and
    ``difference_error``: they pair the points, and a difference under two errors says little.

    A model that gives density zero to a held-out point (an empty bin of a histogram; outside the radius of a smoothing
    kernel of bounded support) has called impossible what happened. Its score is ``-inf``, as the logarithm says, not
    an average over the remaining points, which would reward it for missing those it finds hard. How often it happens is
    in ``zero_fraction``, the mean over the remaining points in ``score_elsewhere``. Such models come after all
    with a finite score, ordered by ``zero_fraction``. A model that gives infinite density to a point (the distance
    to the k-th neighbour is zero where values repeat) is no density there, and comes after those.

    Choosing the best of many candidates on the same held-out points makes its score slightly optimistic.

    References
    ----------
    Stone, M. (1974). Cross-validatory choice and assessment of statistical predictions. J. R. Stat. Soc. B 36, 111-147.

    van der Laan, M. J., Dudoit, S. and Keles, S. (2004). Asymptotic optimality of likelihood-based cross-validation.
    Stat. Appl. Genet. Mol. Biol. 3, 4.

    Examples
    --------
    >>> import fastdens as fd
    >>> geyser = fd.datasets.load_old_faithful().data
    >>> selection = fd.select_density({"one": fd.Gaussian(), "two": fd.GaussianMixture(2, random_state=0)}, geyser)
    >>> selection.best_name
    'two'
    """
    named = _name_models(models)
    validation.check_option(on_error, "on_error", ("raise", "record"))
    data = validation.check_data(X, keep_float32=True, min_samples=2)
    weights = validation.check_sample_weight(sample_weight, len(data))
    rows = np.arange(len(data)) if weights is None else np.flatnonzero(weights)
    n_folds = validation.check_integer(n_folds, "n_folds", 2)
    if n_folds > len(rows):
        raise ValueError(f"n_folds must be at most the number of rows that carry weight ({len(rows)}), got {n_folds}")
    for name, model in named.items():
        if weights is not None and "sample_weight" not in inspect.signature(model.fit).parameters:
            raise TypeError(f"sample_weight was passed, but {name} ({type(model).__name__}.fit) does not take it")

    folds = np.full(len(data), -1)
    folds[validation.check_random_state(random_state).permutation(rows)] = np.arange(len(rows)) % n_folds

    results = []
    for place, (name, model) in enumerate(named.items()):
        log_density, seconds, error = np.full(len(data), np.nan), [0.0, 0.0], ""
        for fold in range(n_folds):
            train, test = np.flatnonzero((folds != fold) & (folds >= 0)), np.flatnonzero(folds == fold)
            try:
                started = time.perf_counter()
                fitted = fit_copy(model, data[train], None if weights is None else weights[train])
                fit_ended = time.perf_counter()
                log_density[test] = fitted.score_samples(data[test])
                seconds[0] += fit_ended - started
                seconds[1] += time.perf_counter() - fit_ended
                if np.isnan(log_density[test]).any():
                    raise ValueError("score_samples returned NaN")
            except Exception as failure:
                if on_error == "raise":
                    failure.add_note(f"raised by {name} in select_density, fold {fold}")
                    raise
                error = " ".join(str(failure).split()) or type(failure).__name__
                break
            finally:
                if callback is not None:
                    callback(place * n_folds + fold + 1, len(named) * n_folds)
        results.append(_summary(name, model, log_density, weights, rows, seconds, error))

    results.sort(key=_rank)
    best = results[0]
    if best["error"]:
        raise ValueError(f"models: none could be fitted and scored; {best['name']}: {best['error']}")
    candidates = [Candidate(**result, **_difference(best, result, weights, rows)) for result in results]
    best_model = fit_copy(best["model"], X, sample_weight) if refit else None
    return DensitySelection(candidates, best["name"], best_model, folds)


def unfitted_copy(model: Any) -> Any:
    """A model with the same constructor arguments and no fit."""
    if not hasattr(model, "get_params"):
        return copy.deepcopy(model)
    params = model.get_params(deep=False)
    return type(model)(
        **{
            name: unfitted_copy(value)
            if hasattr(value, "get_params") and not isinstance(value, type)
            else copy.deepcopy(value)
            for name, value in params.items()
        }
    )


def fit_copy(model: Any, X: Any, sample_weight: Any = None) -> Any:
    """A copy of `model`, fitted; weights are passed only where there are some."""
    return unfitted_copy(model).fit(X, **({} if sample_weight is None else {"sample_weight": sample_weight}))


def _name_models(models: Any) -> dict[str, Any]:
    if isinstance(models, Mapping):
        named = {str(name): model for name, model in models.items()}
    else:
        if hasattr(models, "fit") or not isinstance(models, Iterable):
            raise TypeError(f"models must be a mapping of names to models or a list of models, got {models!r}")
        named = {}
        for model in models:
            base = name = " ".join(repr(model).split())
            copies = 1
            while name in named:
                copies += 1
                name = f"{base} ({copies})"
            named[name] = model
    if not named:
        raise ValueError("models must hold at least one model, got none")
    for name, model in named.items():
        if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "score_samples")):
            raise TypeError(f"models must be objects with fit and score_samples, got {model!r} for {name!r}")
    return named


def _weighted_mean(values: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Mean and its standard error, with rows taken as independent and the weights as given; scale-free in these."""
    if weights is None:
        weights = np.ones(len(values))
    weights = weights / weights.sum()
    mean = float(weights @ values)
    n = len(values)
    if n < 2:
        return mean, math.nan
    return mean, math.sqrt(n / (n - 1) * float(np.square(weights * (values - mean)).sum()))


def _summary(
    name: str,
    model: Any,
    log_density: np.ndarray,
    weights: np.ndarray | None,
    rows: np.ndarray,
    seconds: list[float],
    error: str,
) -> dict[str, Any]:
    values = log_density[rows]
    share = np.ones(len(rows)) if weights is None else weights[rows]
    total = share.sum()
    score = standard_error = elsewhere = math.nan
    zero = infinite = 0.0
    if not error:
        is_zero, is_infinite = values == -np.inf, values == np.inf
        zero, infinite = float(share[is_zero].sum() / total), float(share[is_infinite].sum() / total)
        finite = ~(is_zero | is_infinite)
        if finite.any():
            elsewhere, standard_error = _weighted_mean(values[finite], share[finite])
        score = elsewhere
        if not finite.all():
            score, standard_error = math.inf if infinite else -math.inf, math.nan
    return {
        "name": name,
        "model": model,
        "score": score,
        "standard_error": standard_error,
        "zero_fraction": zero,
        "score_elsewhere": elsewhere,
        "infinite_fraction": infinite,
        "fit_seconds": seconds[0],
        "score_seconds": seconds[1],
        "log_density": log_density,
        "error": error,
    }


def _rank(result: dict[str, Any]) -> tuple[Any, ...]:
    if result["error"]:
        return (3,)
    if result["infinite_fraction"]:
        return (2, result["infinite_fraction"])
    if result["zero_fraction"]:
        elsewhere = result["score_elsewhere"]
        return (1, result["zero_fraction"], math.inf if math.isnan(elsewhere) else -elsewhere)
    return (0, -result["score"])


def _difference(
    best: dict[str, Any], result: dict[str, Any], weights: np.ndarray | None, rows: np.ndarray
) -> dict[str, Any]:
    if result is best:
        return {"difference": 0.0, "difference_error": 0.0}
    if not (math.isfinite(best["score"]) and math.isfinite(result["score"])):
        # Only "finite against -inf" has an answer; other pairs cannot be subtracted.
        decided = math.isfinite(best["score"]) and result["score"] == -math.inf
        return {"difference": math.inf if decided else math.nan, "difference_error": math.nan}
    pairs = best["log_density"][rows] - result["log_density"][rows]
    difference, error = _weighted_mean(pairs, None if weights is None else weights[rows])
    return {"difference": difference, "difference_error": error}
