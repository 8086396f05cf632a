"""`fastdens fit`, `score` and `sample`: one model, kept in a file between commands."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastdens.commands import CommandError
from fastdens.commands.tables import read_table, write_csv
from fastdens.models.drawing import draw
from fastdens.models.gaussian import Gaussian
from fastdens.models.histogram import Histogram
from fastdens.models.kernel_density import KernelDensity
from fastdens.models.mixture import GaussianMixture
from fastdens.models.neighbors_density import KNeighborsDensity
from fastdens.tasks.persistence import load, save

MODELS = {model.__name__: model for model in (Gaussian, Histogram, KernelDensity, KNeighborsDensity, GaussianMixture)}


def fit(arguments: argparse.Namespace) -> None:
    """Fit a model to a table and write it to a file."""
    params = dict(map(_parameter, arguments.set or []))
    if "random_state" not in params and "random_state" in _model_class(arguments.model)().get_params():
        params["random_state"] = arguments.seed
    table = read_table(arguments.data, arguments.columns, arguments.weights, arguments.separator)
    with _complaints(arguments.model):
        model = _model_class(arguments.model)().set_params(**params)
        model.fit(table.data, sample_weight=table.weights)
    save_model(model, arguments.output, table.names if table.has_header else None)


def score(arguments: argparse.Namespace) -> None:
    """Write the log-density of each row of a table."""
    model, names = load_model(arguments.model)
    columns = arguments.columns if arguments.columns is not None else names
    table = read_table(arguments.data, columns, None, arguments.separator)
    with _complaints(arguments.data):
        log_density = model.score_samples(table.data)
    _write(arguments.output, ["log_density"], log_density.astype(np.float64)[:, None].tolist())


def sample(arguments: argparse.Namespace) -> None:
    """Write new points drawn from a model."""
    model, names = load_model(arguments.model)
    with _complaints(arguments.model):
        rows = draw(model, arguments.number, arguments.seed)
    _write(arguments.output, names, rows.astype(np.float64).tolist())


def save_model(model: Any, path: Any, names: Any) -> None:
    """Write a fitted model, with the names of its columns where there are some."""
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    try:
        save(model, path)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({error.strerror or error})") from None


def load_model(path: str) -> tuple[Any, list[str] | None]:
    """The model in a file, without its column names, and these."""
    try:
        model = load(path)
    except FileNotFoundError:
        raise CommandError(f"{path}: no such file") from None
    except OSError as error:
        raise CommandError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not hasattr(model, "n_features_in_"):
        raise CommandError(f"{path}: holds a model that is not fitted")
    # Tables are read by these names, so the arrays made of them need none.
    names = vars(model).pop("feature_names_in_", None)
    return model, None if names is None else [str(name) for name in names]


def _model_class(name: str) -> Any:
    known = {word.lower(): model for word, model in MODELS.items()}
    if name.lower() not in known:
        raise CommandError(f"{name!r} is no model; the models are {', '.join(MODELS)}")
    return known[name.lower()]


def _parameter(setting: str) -> tuple[str, Any]:
    """``name=value``; a value that is no number, list, True, False or None is a word."""
    name, equals, value = setting.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise CommandError(f"--set {setting}: must be NAME=VALUE")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()


@contextmanager
def _complaints(about: str) -> Iterator[None]:
    """Errors of a model about its parameters or data, as errors of the command."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise CommandError(f"{about}: {error}") from error


def _write(path: str | None, names: list[str] | None, rows: list[list[float]]) -> None:
    try:
        write_csv(sys.stdout if path is None else path, names, rows)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({error.strerror or error})") from None
