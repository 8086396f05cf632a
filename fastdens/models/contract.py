"""What every model fulfils: parameters, input checks, scores and scikit-learn's protocols, without scikit-learn.

A model subclasses `Density`, stores its constructor arguments untouched, and implements

- ``fit(X, y=None, sample_weight=None)``: calls ``_fit_data`` first, sets attributes ending in ``_`` last, so that a
  failed fit leaves the old state whole, and returns self;
- ``score_samples(X)``: calls ``_new_data`` first;
- ``sample(n_samples=1, random_state=None)``: calls ``_new_sample_size`` first;
- ``_description()``: what the fitted distribution states about itself, a `Description`. The support is all that must
  be there, ``Description([(0.0, numpy.inf)])`` for a density of one feature on the positive numbers. With it,
  divergences, pictures, selection, files and reports work for the model as they do for those of the package.

A subclass enters itself among the classes that files may hold (see `savable`); its attributes must then be arrays,
numbers, strings, models, and lists, tuples or dicts of such. Whoever loads a file imports the subclass's module first.

One rule for single precision: a result that is as long as data or queries (densities, draws, quantiles, gradients,
uniform numbers) is float32 where the data of `fit` and every array that it is asked for are float32, and float64
otherwise; what is made of the data alone follows the data. ``_new_data`` gives rows of the precision of the results,
``_precision_with`` says it of other arguments, ``_own_precision`` of none, and ``rounded`` brings results into it.
Sums are accumulated in float64 in any case, and parameters that the model keeps (means, edges, bandwidths) are float64.
Float64 queries of a model of float32 data are computed in float64 from these data.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, NamedTuple, Self

import numpy as np

from fastdens.core import validation
from fastdens.core.savable import savable
from fastdens.models.description import Description

__all__ = ["ConvergenceWarning", "Density", "Description", "NotFittedError", "convergence_warning"]


class NotFittedError(ValueError, AttributeError):
    """A model was used before `fit`."""


def _not_fitted(message: str) -> Exception:
    # scikit-learn's own class where it is loaded, so that `except sklearn.exceptions.NotFittedError` works.
    module = sys.modules.get("sklearn.exceptions")
    return (module.NotFittedError if module is not None else NotFittedError)(message)


def _names_message(given: np.ndarray, fitted: np.ndarray) -> str:
    lines = ["The feature names should match those that were passed during fit."]
    for names, what in (
        (set(given) - set(fitted), "Feature names unseen at fit time"),
        (set(fitted) - set(given), "Feature names seen at fit time, yet now missing"),
    ):
        if names:
            shown = sorted(names)
            lines += [f"{what}:", *(f"- {name}" for name in shown[:5]), *(["- ..."] if len(shown) > 5 else [])]
    if set(given) == set(fitted):
        lines.append("Feature names must be in the same order as they were in fit.")
    return "\n".join(lines) + "\n"


class ConvergenceWarning(UserWarning):
    """An iteration ended before it converged."""


def convergence_warning() -> type[Warning]:
    """scikit-learn's class where it is loaded, so that filters on it work, else our own."""
    module = sys.modules.get("sklearn.exceptions")
    return ConvergenceWarning if module is None else module.ConvergenceWarning


class Columns(NamedTuple):
    """What a model remembers of the table that it was fitted to."""

    n_features: int
    names: np.ndarray | None = None  # None: it had none
    precision: str | None = None  # "float32" or "float64"; None: it had no data

    def take(self, axes: np.ndarray) -> Columns:
        """Some of the columns."""
        return Columns(len(axes), None if self.names is None else self.names[axes], self.precision)


def of_rows_present(log_density: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """In double precision, 0 at rows of weight 0: these are absent, though their log-density be -inf."""
    log_density = in_double(log_density)
    return log_density if weights is None else np.where(weights > 0, log_density, 0.0)


def in_double(data: np.ndarray) -> np.ndarray:
    """Checked data in float64."""
    return data.astype(np.float64, copy=False)


def precision_of(own: str | None, *arrays: Any) -> np.dtype:
    """Of what is computed from these arrays and data of precision `own`, as in Columns."""
    given = [np.asarray(array).dtype for array in arrays]
    single = own != "float64" and all(dtype.kind == "f" and dtype.itemsize == 4 for dtype in given)
    return np.dtype(np.float32 if single else np.float64)


def rounded(result: Any, precision: np.dtype) -> Any:
    """A result of float64 arithmetic in the precision that it is given in; beyond its range it is infinite."""
    with np.errstate(over="ignore"):
        return result.astype(precision, copy=False)


def density_of(log_density: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The density itself: infinite where it is beyond the floating-point numbers."""
    with np.errstate(over="ignore"):
        return np.exp(log_density, out=out)


class Density:
    """Base of every density model; see the module's docstring for what a model adds."""

    _estimator_type = "density_estimator"
    _precision: str | None = None  # as in Columns
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        savable(cls)

    # --- parameters ---------------------------------------------------------------------------------------------------

    @classmethod
    def _parameter_defaults(cls) -> dict[str, Any]:
        if cls.__init__ is object.__init__:  # a model without parameters
            return {}
        parameters = inspect.signature(cls.__init__).parameters
        return {name: parameter.default for name, parameter in parameters.items() if name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name; with `deep`, also those of models among them, as ``name__argument``."""
        params = {}
        for name in sorted(self._parameter_defaults()):
            value = params[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params.update({f"{name}__{inner}": v for inner, v in value.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments; ``name__argument`` reaches into a model among them."""
        valid = sorted(self._parameter_defaults())
        nested: dict[str, dict[str, Any]] = {}
        for key in params:
            if key.partition("__")[0] not in valid:
                raise ValueError(f"Invalid parameter {key!r} for estimator {self}. Valid parameters are: {valid!r}.")
        for key, value in params.items():
            name, separator, inner = key.partition("__")
            if separator:
                nested.setdefault(name, {})[inner] = value
            else:
                setattr(self, name, value)
        for name, inner_params in nested.items():
            getattr(self, name).set_params(**inner_params)
        return self

    def __repr__(self) -> str:
        shown = []
        for name, default in self._parameter_defaults().items():
            value = getattr(self, name, default)
            if value is not default and repr(value) != repr(default):
                shown.append(f"{name}={' '.join(repr(value).split())}")  # an array's lines in one
        return f"{type(self).__name__}({', '.join(shown)})"

    # --- data ---------------------------------------------------------------------------------------------------------

    def _fit_data(
        self, X: Any, sample_weight: Any = None, min_samples: int = 1
    ) -> tuple[np.ndarray, np.ndarray | None, Columns]:
        """Checked training rows that carry weight, float32 or float64, their weights (or None), and their columns."""
        names = validation.feature_names(X)
        data = validation.check_data(X, keep_float32=True, min_samples=min_samples)
        weights = validation.check_sample_weight(sample_weight, len(data))
        data, weights = validation.drop_zero_weights(data, weights)
        return data, weights, Columns(data.shape[1], names, data.dtype.name)

    def _remember_data(self, columns: Columns) -> None:
        """Set what every fitted model has; the last step of `fit`."""
        if columns.names is not None:
            self.feature_names_in_ = columns.names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._precision = columns.precision
        self.n_features_in_ = columns.n_features

    def _columns(self) -> Columns:
        return Columns(self.n_features_in_, getattr(self, "feature_names_in_", None), self._precision)

    @property
    def _own_precision(self) -> np.dtype:
        """Of draws, and of all that is made of the data of `fit` alone."""
        return np.dtype(self._precision or "float64")

    def _precision_with(self, *arrays: Any) -> np.dtype:
        """Of what is computed from these arrays."""
        return precision_of(self._precision, *arrays)

    def _new_data(self, X: Any) -> np.ndarray:
        """Checked rows to score: the features, and their names, of `fit`; in the precision of the results."""
        self._check_fitted()
        names, fitted = validation.feature_names(X), getattr(self, "feature_names_in_", None)
        if names is None or fitted is None:
            if names is not None:
                warnings.warn(
                    f"X has feature names, but {type(self).__name__} was fitted without feature names", stacklevel=3
                )
            elif fitted is not None:
                warnings.warn(
                    f"X does not have valid feature names, but {type(self).__name__} was fitted with feature names",
                    stacklevel=3,
                )
        elif list(names) != list(fitted):
            raise ValueError(_names_message(names, fitted))
        data = validation.check_data(X, keep_float32=True)
        if data.dtype != np.float64:
            data = data.astype(self._precision_with(data), copy=False)
        if data.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {data.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        return data

    def _new_sample_size(self, n_samples: Any, minimum: int = 0) -> int:
        self._check_fitted()
        return validation.check_integer(n_samples, "n_samples", minimum)

    # --- scores -------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        raise TypeError(f"{type(self).__name__} does not define fit; use one of the models of fastdens")

    def score_samples(self, X: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} does not define score_samples; use one of the models of fastdens")

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log-likelihood of the rows of X (natural logarithm), weighted where weights are given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points to score.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        float
            Mean of ``score_samples(X)``.
        """
        log_density = self.score_samples(X)
        weights = validation.check_sample_weight(sample_weight, len(log_density))
        return float(np.average(of_rows_present(log_density, weights), weights=weights))

    # --- what others ask of the distribution --------------------------------------------------------------------------

    def _description(self) -> Description:
        """What the fitted distribution states about itself; `description_of` calls it, and checks for a fit."""
        raise TypeError(
            f"{type(self).__name__} does not describe itself: define _description(), which returns a Description with "
            "the support of the density (see fastdens.models.contract)"
        )

    # --- scikit-learn's protocols -------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_features_in_"):
            raise _not_fitted(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                "using this estimator."
            )

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type="density_estimator", target_tags=TargetTags(required=False), input_tags=InputTags())

    def get_metadata_routing(self) -> Any:
        """Which methods ask for sample weights; called by scikit-learn's meta-estimators."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = getattr(self, "_metadata_request", None)
        if request is None:
            request = MetadataRequest(owner=type(self).__name__)
            for method in ("fit", "score"):
                if "sample_weight" in inspect.signature(getattr(self, method)).parameters:
                    getattr(request, method).add_request(param="sample_weight", alias=None)
        return request

    def _set_request(self, method: str, sample_weight: Any) -> Self:
        request = self.get_metadata_routing()
        getattr(request, method).add_request(param="sample_weight", alias=sample_weight)
        self._metadata_request = request
        return self

    def set_fit_request(self, *, sample_weight: Any) -> Self:
        """Ask meta-estimators to pass `sample_weight` on to fit (see scikit-learn's metadata routing)."""
        return self._set_request("fit", sample_weight)

    def set_score_request(self, *, sample_weight: Any) -> Self:
        """Ask meta-estimators to pass `sample_weight` on to score (see scikit-learn's metadata routing)."""
        return self._set_request("score", sample_weight)
