"""One line per call of the public functions: its name and a digest of the exact bytes of what it returns.

    python benchmarks/fingerprints.py > before.txt      # on the old tree, built
    python benchmarks/fingerprints.py > after.txt       # on the new tree, built on the same processor
    diff before.txt after.txt

Two trees that print the same give bit-identical results. Only public names are used, so that the script runs unchanged
on trees whose files lie elsewhere. Numbers differ between processors: compare outputs of one machine only.
A call that fails is no reason to stop: the error's type and text are its result, and so are warnings.

`--list` prints the names alone; other arguments select the calls whose names contain one of them.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # the package's own threads are set below
os.environ.setdefault("MPLBACKEND", "Agg")

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import io
import pickle
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import fastdens as fd

CALLS: dict[str, Callable[[], Any]] = {}
KERNELS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine", "biweight", "triweight")
KINDS = ("tv", "kl", "reverse_kl", "jeffreys", "js", "js_distance", "squared_hellinger", "hellinger", "chi2",
         "neyman_chi2", "alpha", "renyi", "f")  # fmt: skip


# --- Data -------------------------------------------------------------------------------------------------------------


@functools.cache
def data(law: str, n: int, d: int = 1, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    """Rows of one of several laws, read-only and the same in every run."""
    random = np.random.default_rng([seed, n, d, len(law)])
    if law == "normal":
        X = random.normal(size=(n, d))
    elif law == "clumps":  # far apart against their width
        X = random.normal(size=(n, d)) + 1000.0 * random.integers(0, 4, (n, 1))
    elif law == "heavy":
        X = random.standard_t(1.5, size=(n, d))
    elif law == "rounded":  # many ties
        X = np.round(random.normal(size=(n, d)), 1)
    elif law == "uniform":
        X = random.uniform(size=(n, d))
    elif law == "shifted":
        X = 0.8 * random.normal(size=(n, d)) + 0.5
    elif law == "modes":
        X = random.normal(size=(n, d)) + 4.0 * random.integers(0, 2, (n, 1))
    else:
        raise ValueError(law)
    X = X.astype(dtype)
    X.flags.writeable = False
    return X


def far(d: int = 1) -> np.ndarray:
    """Queries out to where the density of any data above is far below the smallest double."""
    line = np.concatenate((-np.geomspace(1e6, 0.1, 12), [0.0], np.geomspace(0.1, 1e6, 12)))
    return np.repeat(line[:, None], d, axis=1)


def weights(n: int) -> np.ndarray:
    """Positive ones and some zeros."""
    w = np.random.default_rng([1, n]).exponential(size=n)
    w[::17] = 0.0
    return w


def geyser() -> np.ndarray:
    from fastdens.datasets import load_old_faithful

    return load_old_faithful().data


def laws(n: int = 9, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two discrete laws."""
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.ones(n), 2)
    return p, q


# --- Digests ----------------------------------------------------------------------------------------------------------


def described(value: Any, depth: int = 0) -> list[str]:
    """The value to the last bit, in words that do not depend on where a class lives."""
    if depth > 8:
        raise RecursionError("a result is nested too deeply")
    if value is None or isinstance(value, str | bool | bytes):
        return [repr(value)]
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return [f"object{value.shape}", *(line for item in value.ravel() for line in described(item, depth + 1))]
        return [f"{value.dtype.str}{value.shape}", np.ascontiguousarray(value).tobytes().hex()]
    if isinstance(value, np.generic):
        return [f"{value.dtype.str}", value.tobytes().hex()]
    if isinstance(value, float):
        return [value.hex()]
    if isinstance(value, int | complex):
        return [repr(value)]
    if isinstance(value, Mapping):
        return ["{", *(line for key in value for line in [repr(key), *described(value[key], depth + 1)]), "}"]
    if hasattr(value, "_fields"):
        value = {name: getattr(value, name) for name in value._fields}
        return described(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return ["[", *(line for item in items for line in described(item, depth + 1)), "]"]
    if hasattr(value, "get_params"):
        public = {name: item for name, item in vars(value).items() if not name.startswith("_")}
        return [type(value).__name__, *described(dict(sorted(public.items())), depth + 1)]
    if isinstance(value, fd.KDTree):
        return described([value.n_samples, value.n_features, value.leaf_size, value.indices], depth + 1)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
        public = {name: getattr(value, name) for name in names if not name.endswith("_seconds")}
        return described(public, depth + 1)
    if callable(value):
        return ["a function"]
    if hasattr(value, "__dict__"):
        public = {name: item for name, item in vars(value).items() if not name.startswith("_")}
        return [type(value).__name__, *described(dict(sorted(public.items())), depth + 1)]
    return [repr(value)]


def glimpse(value: Any) -> str:
    """A few words by which a reader tells what differs."""
    if isinstance(value, np.ndarray):
        flat = value.ravel()
        some = f" [{flat[0]!r}, ...]" if len(flat) and value.dtype != object else ""
        return f"{value.dtype}{value.shape}{some}"
    if isinstance(value, float | int | np.generic):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) < 80 else f"{value[:80]}...")
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}" + (f": {glimpse(value[0])}" if value else "")
    some = next((glimpse(getattr(value, name)) for name in ("value", "route", "distance") if hasattr(value, name)), "")
    return f"{type(value).__name__} {some}".strip()


def fingerprint(call: Callable[[], Any]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = call()
            lines, words = described(value), glimpse(value)
        except Exception as error:
            lines = [type(error).__name__, str(error)]
            words = f"{type(error).__name__}: {error}"
    said = sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    digest = hashlib.sha256("\n".join([*lines, *said]).encode()).hexdigest()[:20]
    return f"{digest}  {' | '.join([words, *said])}".replace("\n", " / ")


# --- Calls ------------------------------------------------------------------------------------------------------------


def add(name: str, call: Callable[[], Any]) -> None:
    if name in CALLS:
        raise ValueError(f"two calls are named {name!r}")
    CALLS[name] = call


def add_method(name: str, model: Callable[[], Any], method: str, *args: Any, **options: Any) -> None:
    add(name, lambda: getattr(model(), method)(*args, **options))


def kernel_sums() -> None:
    routes = {
        "direct": [(kernel, 1) for kernel in KERNELS] + [("gaussian", 7), ("triweight", 3)],
        "sorted": [(kernel, 1) for kernel in KERNELS[1:]],
        "grid": [("gaussian", d) for d in (1, 2, 3)],
        "tree": [(kernel, 2) for kernel in KERNELS] + [("gaussian", 3), ("epanechnikov", 5)],
    }
    for route, pairs in routes.items():
        for kernel, d in pairs:
            X, Q = data("normal", 1501, d), data("normal", 701, d, seed=1)
            h = {1: 0.2, 2: 0.4, 3: 0.6}.get(d, 1.5)
            options: dict[str, Any] = {"bandwidth": h, "kernel": kernel, "algorithm": route, "rtol": 1e-6}
            name = f"kernel_sum/{route}/{kernel}-{d}d"
            add(name, functools.partial(fd.kernel_sum, X, Q, **options))
            some = functools.partial(
                fd.kernel_sum, X, Q, weights=weights(1501), log=True, return_bounds=True, **options
            )
            add(f"{name}-weights-log-bounds", some)
    for law in ("clumps", "heavy", "rounded"):
        for kernel in ("gaussian", "exponential", "cosine"):
            for d, n, m in ((1, 6007, 2003), (2, 4001, 1009)):
                X, Q = data(law, n, d), np.concatenate((data(law, m, d, seed=1), far(d)))
                options = {"bandwidth": 0.3, "kernel": kernel}
                add(f"kernel_sum/auto/{law}-{kernel}-{d}d", functools.partial(fd.kernel_sum, X, Q, **options))
                add(f"plan/{law}-{kernel}-{d}d", functools.partial(fd.plan, X, Q, **options))
    large = {  # by auto, and the route that it takes at this size
        "grid-1d": ("gaussian", 1, 40_009, {"bandwidth": 0.1}),
        "grid-2d": ("gaussian", 2, 20_011, {"bandwidth": 0.3, "rtol": 1e-5}),
        "grid-3d": ("gaussian", 3, 20_011, {"bandwidth": 0.5, "rtol": 1e-3}),
        "sorted": ("biweight", 1, 40_009, {"bandwidth": 0.1}),
        "tree-2d": ("epanechnikov", 2, 20_011, {"bandwidth": 0.1}),
        "tree-3d": ("gaussian", 3, 12_007, {"bandwidth": 0.1, "rtol": 1e-4}),
        "direct-12d": ("gaussian", 12, 2003, {"bandwidth": 1.0}),
    }
    for name, (kernel, d, n, options) in large.items():
        for dtype in ("float64", "float32"):
            X = data("normal", n, d, dtype)
            add(f"kernel_sum/auto/{name}-{dtype}", functools.partial(fd.kernel_sum, X, kernel=kernel, **options))
            log = functools.partial(fd.kernel_sum, X, kernel=kernel, log=True, weights=weights(n), **options)
            add(f"kernel_sum/auto/{name}-{dtype}-log", log)
        X = data("normal", n, d)
        add(f"plan/{name}", functools.partial(fd.plan, X, kernel=kernel, **options))
        add(f"plan/{name}-words", lambda X=X, kernel=kernel, o=options: fd.plan(X, kernel=kernel, **o).explain())
        bounds = functools.partial(fd.kernel_sum, X, kernel=kernel, return_bounds=True, **options)
        add(f"kernel_sum/auto/{name}-bounds", bounds)
    for law in ("clumps", "heavy", "rounded"):
        for kernel, d in (("gaussian", 1), ("gaussian", 2), ("triweight", 2), ("gaussian", 3)):
            sums = functools.partial(fd.kernel_sum, data(law, 15_013, d), bandwidth=0.3, kernel=kernel, rtol=1e-4)
            add(f"kernel_sum/auto/{law}-{kernel}-{d}d-large", sums)
    for name, options in {
        "values": {"values": data("normal", 3001, 2)},
        "axes": {"bandwidth": [0.3, 0.6], "kernel": "linear"},
        "matrix": {"bandwidth": [[0.2, 0.1], [0.1, 0.3]]},
        "matrix-tophat": {"bandwidth": [[0.2, 0.1], [0.1, 0.3]], "kernel": "tophat", "algorithm": "tree"},
        "atol": {"atol": 0.5, "rtol": 1e-3},
    }.items():
        sums = functools.partial(fd.kernel_sum, data("heavy", 3001, 2), data("normal", 907, 2))
        add(f"kernel_sum/{name}", functools.partial(sums, **{"bandwidth": 0.4, **options}))


MODELS: dict[str, Callable[[], Any]] = {
    "Gaussian": fd.Gaussian,
    "Gaussian-diag": lambda: fd.Gaussian("diag"),
    "Gaussian-spherical": lambda: fd.Gaussian("spherical"),
    "Histogram": lambda: fd.Histogram(bins=7),
    "KernelDensity": lambda: fd.KernelDensity(bandwidth="scott"),
    "KernelDensity-tolerant": lambda: fd.KernelDensity(bandwidth=0.4, rtol=1e-5, atol=1e-8),
    "KernelDensity-matrix": lambda: fd.KernelDensity(bandwidth=[[0.2, 0.05], [0.05, 0.3]]),
    **{
        f"KernelDensity-{kernel}": lambda kernel=kernel: fd.KernelDensity(bandwidth=0.5, kernel=kernel)
        for kernel in KERNELS[1:]
    },
    "KernelDensity-manhattan": lambda: fd.KernelDensity(bandwidth=0.5, metric="manhattan"),
    "KernelDensity-chebyshev": lambda: fd.KernelDensity(bandwidth=0.5, metric="chebyshev", kernel="cosine"),
    "KernelDensity-haversine": lambda: fd.KernelDensity(bandwidth=0.3, metric="haversine"),
    "KernelDensity-bounds": lambda: fd.KernelDensity(bandwidth=0.5, bounds=[(-20, None), (None, 20)]),
    "KernelDensity-transform": lambda: fd.KernelDensity(
        bandwidth=0.5, bounds=[(-2000, None), (-9000, 9000)], boundary="transform"
    ),
    "KernelDensity-period": lambda: fd.KernelDensity(bandwidth=0.3, period=[2 * np.pi, None]),
    **{
        f"AdaptiveKernelDensity-{method}": lambda method=method: fd.AdaptiveKernelDensity(method, n_neighbors=9)
        for method in ("abramson", "neighbors", "balloon", "mixture")
    },
    "AdaptiveKernelDensity-biweight": lambda: fd.AdaptiveKernelDensity(bandwidth=0.5, kernel="biweight", clip=3.0),
    "AdaptiveKernelDensity-radii": lambda: fd.AdaptiveKernelDensity("neighbors", bandwidth="neighbors"),
    "KNeighborsDensity": fd.KNeighborsDensity,
    "KNeighborsDensity-plain": lambda: fd.KNeighborsDensity(5, normalized=False),
    **{
        f"GaussianMixture-{kind}": lambda kind=kind: fd.GaussianMixture(3, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "spherical")
    },
    "GaussianMixture-random": lambda: fd.GaussianMixture(2, n_init=2, init_params="random", random_state=1),
}
ON_THE_LINE: dict[str, Callable[[], Any]] = {
    "Gaussian": fd.Gaussian,
    "Histogram": fd.Histogram,
    **{
        f"Histogram-{rule}": lambda rule=rule: fd.Histogram(bins=rule)
        for rule in ("risk", "sturges", "scott", "fd", "knuth", "blocks")
    },
    **{
        f"KernelDensity-{kernel}": lambda kernel=kernel: fd.KernelDensity(bandwidth="silverman", kernel=kernel)
        for kernel in KERNELS
    },
    "KernelDensity-reflection": lambda: fd.KernelDensity(bandwidth=0.1, bounds=(0, 1)),
    "KernelDensity-linear": lambda: fd.KernelDensity(bandwidth=0.1, bounds=(0, 1), boundary="linear"),
    "KernelDensity-linear-exponential": lambda: fd.KernelDensity(
        bandwidth=0.05, kernel="exponential", bounds=(0, None), boundary="linear"
    ),
    "KernelDensity-transform": lambda: fd.KernelDensity(bandwidth=0.3, bounds=(-1, 2), boundary="transform"),
    "KernelDensity-period": lambda: fd.KernelDensity(bandwidth=0.1, kernel="triweight", period=1.0),
    "AdaptiveKernelDensity": fd.AdaptiveKernelDensity,
    "AdaptiveKernelDensity-linear": lambda: fd.AdaptiveKernelDensity("mixture", kernel="linear", bandwidth=0.1),
    "KNeighborsDensity": lambda: fd.KNeighborsDensity(8),
    "GaussianMixture": lambda: fd.GaussianMixture(2, random_state=0),
}


@functools.cache
def fitted(name: str, law: str, n: int, d: int, dtype: str = "float64", weighted: bool = False) -> Any:
    make = (ON_THE_LINE if d == 1 else MODELS)[name]
    X = geyser() if law == "geyser" else data(law, n, d, dtype)
    if "haversine" in name:
        X = np.arctan(X)  # latitudes and longitudes in radians
    return make().fit(X, sample_weight=weights(len(X)) if weighted else None)


def queries_of(name: str, d: int, dtype: str = "float64") -> np.ndarray:
    if d == 1:
        Q = data("uniform", 301, 1, dtype, seed=1)
    else:
        Q = np.concatenate((data("modes", 203, d, dtype, seed=1), 50.0 * data("heavy", 50, d, dtype)))
        if name == "KernelDensity-transform":
            Q = np.clip(Q, -1900, 1900)
    return np.arctan(Q) if "haversine" in name else Q


def add_answers(name: str, kind: str, model: Callable[[], Any], Q: np.ndarray) -> None:
    """Everything that a model answers to any data: the calls of one fit, which is made when the first asks for it."""
    some = {} if kind.startswith("GaussianMixture") else {"random_state": 5}
    questions: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "score_samples": ((Q,), {}),
        "score": ((Q[:101],), {"sample_weight": weights(101)}),
        "loo_score_samples": ((), {}),
        "score_gradient": ((Q[:50],), {}),
        "sample": ((257,), some),
    }
    add(f"{name}/fit", model)
    add(f"{name}/repr", lambda: repr(model()))
    for method, (args, options) in questions.items():
        if hasattr(getattr(fd, kind.partition("-")[0]), method):
            add_method(f"{name}/{method}", model, method, *args, **options)


def models() -> None:
    for name in MODELS:
        for law, n, dtype, weighted in (
            ("modes", 401, "float64", False),
            ("modes", 401, "float32", False),
            ("modes", 401, "float64", True),
            ("geyser", 272, "float64", False),
            ("rounded", 401, "float64", False),
            ("heavy", 401, "float64", True),
        ):
            model = functools.partial(fitted, name, law, n, 2, dtype, weighted)
            add_answers(f"{name}/{law}-2d-{dtype}{'-weighted' * weighted}", name, model, queries_of(name, 2, dtype))
    for name in ON_THE_LINE:
        for law, dtype, weighted in (
            ("uniform", "float64", False),
            ("uniform", "float32", True),
        ):
            model = functools.partial(fitted, name, law, 307, 1, dtype, weighted)
            label = f"{name}/{law}-1d-{dtype}{'-weighted' * weighted}"
            add_answers(label, name, model, queries_of(name, 1, dtype))
            Q = data("uniform", 101, 1, dtype, seed=2)
            for method in ("cdf", "sf", "ppf"):
                if hasattr(ON_THE_LINE[name](), method):
                    argument = Q[:, 0] if method == "ppf" else Q
                    add_method(f"{label}/{method}", model, method, argument)
            for method, arguments in {"entropy": (), "level": ([0.5, 0.9],), "box_probability": ([0.2], [0.7])}.items():
                if hasattr(ON_THE_LINE[name](), method) and not weighted and "linear" not in name:
                    add_method(f"{label}/{method}", model, method, *arguments)


def questions_of_models() -> None:
    """What some models answer beside what all do."""
    Q = data("modes", 61, 2, seed=1)
    U = data("uniform", 41, 2, seed=1)
    for name in ("Gaussian", "Gaussian-diag", "KernelDensity", "KernelDensity-matrix", "KernelDensity-bounds"):
        model = functools.partial(fitted, name, "modes", 401, 2)
        for method, arguments in {
            "to_uniform": (Q,),
            "from_uniform": (U,),
            "marginal": (1,),
            "condition": (0, 0.5),
            "entropy": (),
            "level": ([0.5, 0.9],),
        }.items():
            add_method(f"{name}/{method}", model, method, *arguments)
        add(
            f"{name}/condition-rows",
            lambda model=model: [
                (law := model().condition(0, Q[:5, :1])).score_samples(Q[:5, 1:]),
                law.sample(random_state=3),
            ],
        )
    far_out = functools.partial(fitted, "KernelDensity", "modes", 401, 2)
    add_method("KernelDensity/far-out", far_out, "score_samples", far(2))
    add_method("KernelDensity/bounds-of-scores", far_out, "score_samples", Q, return_bounds=True)
    add_method("KernelDensity/plan", far_out, "plan", Q)
    add_method("KernelDensity/compress", far_out, "compress", 1e-2)
    add_method("KernelDensity/box_probability", far_out, "box_probability", Q[:9] - 1.0, Q[:9] + 1.0)
    add_method("KernelDensity/evaluate_grid", far_out, "evaluate_grid", n_points=[31, 17])
    add_method("KernelDensity/evaluate_grid-log", far_out, "evaluate_grid", n_points=9, log=True)
    add_method("KernelDensity/confidence_band", far_out, "confidence_band", Q)
    add_method("KernelDensity/confidence_band-log", far_out, "confidence_band", Q, simultaneous=True, log=True)
    add("KernelDensity/entropy-error", lambda: far_out().entropy(n_samples=2048, return_error=True))
    for d, n in ((1, 60_013), (3, 3001)):
        model = functools.cache(lambda d=d, n=n: fd.KernelDensity(bandwidth=0.2, rtol=1e-6).fit(data("heavy", n, d)))
        add_method(f"KernelDensity/large-{d}d", model, "score_samples", data("heavy", 20_011 // d**2, d, seed=1))
        add_method(f"KernelDensity/large-{d}d-loo", model, "loo_score_samples")
        add_method(f"KernelDensity/large-{d}d-grid", model, "evaluate_grid", n_points=64 if d == 3 else 4096)
        add_method(f"KernelDensity/large-{d}d-sample", model, "sample", 100_003, random_state=0)
    line = functools.partial(fitted, "KernelDensity-gaussian", "uniform", 307, 1)
    add_method("KernelDensity/compress-1d", line, "compress")
    add_method("KernelDensity/confidence_band-1d", line, "confidence_band", data("uniform", 33, 1))
    halves = [fd.Gaussian().fit(data("modes", 401, 2)[part]) for part in (slice(0, 200), slice(200, None))]
    corrected = functools.partial(fitted, "KernelDensity-linear-exponential", "uniform", 307, 1)
    add_method("KernelDensity/linear-level", corrected, "level", 0.5)
    add("Gaussian/merge", lambda: halves[0].merge(halves[1]))
    bins = [
        fd.Histogram(bins=[[-9, 0, 9], [-9, 1, 9]]).fit(np.clip(data("modes", 90, 2, seed=s), -8, 8)) for s in (0, 1)
    ]
    add("Histogram/merge", lambda: bins[0].merge(bins[1]))
    histogram = functools.partial(fitted, "Histogram", "modes", 401, 2)
    for method, arguments in {"marginal": (0,), "entropy": (), "level": (0.5,)}.items():
        add_method(f"Histogram/{method}", histogram, method, *arguments)
    for name in ("Gaussian", "Histogram"):
        large = functools.cache(lambda name=name: MODELS[name]().fit(data("normal", 200_003, 2)))
        add_method(f"{name}/large", large, "score_samples", data("normal", 50_021, 2, seed=1))
        add_method(f"{name}/large-sample", large, "sample", 100_003, random_state=0)
    X = data("clumps", 20_011, 2)
    mixture = functools.cache(lambda: fd.GaussianMixture(4, random_state=0).fit(X, sample_weight=weights(len(X))))
    for method in ("score_samples", "predict", "predict_proba", "aic", "bic"):
        add_method(f"GaussianMixture/large-{method}", mixture, method, X)
    add_method("GaussianMixture/large-sample", mixture, "sample", 100_003)
    add("GaussianMixture/fit_predict", lambda: fd.GaussianMixture(3, random_state=2).fit_predict(geyser()))
    add("GaussianMixture/parameters", lambda: mixture().n_parameters_)
    given = {"weights_init": [0.5, 0.5], "means_init": [[0.0, 0.0], [4.0, 4.0]], "max_iter": 3}
    add("GaussianMixture/given", lambda: fd.GaussianMixture(2, **given).fit(data("modes", 401, 2)))


def bandwidths_and_bins() -> None:
    for law in ("normal", "rounded", "heavy", "modes"):
        for rule in ("scott", "silverman", "likelihood", "lscv", "isj", "sheather-jones", "plug-in"):
            add(f"bandwidth/{rule}-{law}-1d", functools.partial(fd.bandwidth, data(law, 401), rule, full_output=True))
    for rule in ("scott", "silverman", "likelihood", "lscv", "plug-in"):
        for form in ("scalar", "axes", "matrix"):
            rows = data("modes", 151, 2)
            add(f"bandwidth/{rule}-{form}-2d", functools.partial(fd.bandwidth, rows, rule, form=form))
        weighted = functools.partial(fd.bandwidth, data("modes", 401), rule, sample_weight=weights(401))
        add(f"bandwidth/{rule}-weighted", weighted)
    for kernel in KERNELS:
        for rule in ("silverman", "lscv", "likelihood"):
            add(f"bandwidth/{rule}-{kernel}", functools.partial(fd.bandwidth, data("modes", 201), rule, kernel=kernel))
    for rule in ("auto", "risk", "sturges", "scott", "fd", "knuth", "blocks"):
        for law in ("normal", "rounded", "heavy"):
            add(f"bin_edges/{rule}-{law}", functools.partial(fd.bin_edges, data(law, 997)[:, 0], rule))
        weighted = functools.partial(fd.bin_edges, data("modes", 401)[:, 0], rule, weights(401), range=(-5, 9))
        add(f"bin_edges/{rule}-weighted", weighted)


def neighbours() -> None:
    for law in ("normal", "clumps", "heavy", "rounded"):
        for d, n in ((1, 5003), (2, 5003), (3, 5003), (8, 1501)):
            for dtype in ("float64", "float32"):
                X = data(law, n, d, dtype)
                add(f"kneighbors/{law}-{d}d-{dtype}", functools.partial(fd.kneighbors, X, k=7, exclude_self=True))
        X, Q = data(law, 3001, 2), np.concatenate((data(law, 307, 2, seed=1), far(2)))
        add(f"kneighbors/{law}-queries", functools.partial(fd.kneighbors, X, Q, k=3))
        tree = functools.cache(lambda X=X: fd.KDTree(X, leaf_size=16))
        add_method(f"KDTree/{law}-query", tree, "query", Q, k=5)
        add_method(f"KDTree/{law}-count", tree, "count_radius", Q, r=0.5)
        add_method(f"KDTree/{law}-radius", tree, "query_radius", Q, r=0.3, return_distance=True, sort_results=True)
        add(f"KDTree/{law}-tree", tree)


def mixtures_by_hand() -> None:
    for dtype in ("float64", "float32"):
        for n in (211, 20_011):
            X = data("modes", n, 2, dtype)
            for kind, factors in {
                "full": [np.eye(2), [[0.7, 0.2], [0.0, 0.9]]],
                "tied": [[0.7, 0.2], [0.0, 0.9]],
                "diag": [[1.0, 0.5], [0.7, 0.9]],
                "spherical": [1.0, 0.6],
            }.items():
                start = ([0.4, 0.6], [[0.0, 0.0], [4.0, 4.5]], factors, kind)
                add(f"e_step/{kind}-{n}-{dtype}", functools.partial(fd.e_step, X, *start))
                add(f"em_step/{kind}-{n}-{dtype}", functools.partial(fd.em_step, X, *start, sample_weight=weights(n)))


def squared(t: np.ndarray) -> np.ndarray:
    return (t - 1.0) ** 2


def order_of(kind: str) -> dict[str, Any]:
    return (
        {"alpha": 1.7}
        if kind == "alpha"
        else {"alpha": 0.6}
        if kind == "renyi"
        else ({"f": squared} if kind == "f" else {})
    )


def discrete() -> None:
    p, q = laws(300)
    zeros = (np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.25, 0.25, 0.25, 0.25]))
    for name, sides in {"many": (p, q), "zeros": zeros, "rows": (laws(7)[0], np.stack(laws(7, 4)))}.items():
        for word in ("total_variation", "hellinger_distance", "kl_divergence", "js_divergence", "js_distance",
                     "jeffreys_divergence", "cross_entropy", "chi2_divergence"):  # fmt: skip
            add(f"{word}/{name}", lambda word=word, sides=sides: getattr(fd, word)(*sides))
        for order in (-0.5, 0.0, 0.5, 1.0, 2.0):
            add(f"alpha_divergence/{name}-{order}", functools.partial(fd.alpha_divergence, *sides, order))
        for order in (0.3, 1.0, 2.5):
            add(f"renyi_divergence/{name}-{order}", functools.partial(fd.renyi_divergence, *sides, order))
        for word in ("tv", "kl", "reverse_kl", "jeffreys", "js", "squared_hellinger", "chi2", "neyman_chi2", squared):
            add(f"f_divergence/{name}-{word if isinstance(word, str) else 'f'}",
                functools.partial(fd.f_divergence, *sides, word))  # fmt: skip
        add(f"entropy/{name}", functools.partial(fd.entropy, sides[1], base=2))
    add("chi2_divergence/neyman", functools.partial(fd.chi2_divergence, p, q, variant="neyman"))
    add("kl_divergence/full", functools.partial(fd.kl_divergence, p, q, full_output=True))
    add(
        "total_variation/float32", functools.partial(fd.total_variation, p.astype("f4"), q.astype("f4"), normalize=True)
    )


def sets() -> None:
    for n in (5, 13, 21):
        p, q = laws(n)
        add(f"total_variation_subsets/{n}", functools.partial(fd.total_variation_subsets, p, q))
        add(f"total_variation_subsets/{n}-limited", functools.partial(fd.total_variation_subsets, p, q, max_size=3))
        if n < 20:
            add(f"subset_discrepancies/{n}", functools.partial(fd.subset_discrepancies, p, q))
        add(
            f"maximum_over_subsets/{n}",
            lambda n=n, p=p, q=q: fd.maximum_over_subsets(lambda of: of[0] ** 2 - of[1], measures=[p, q]),
        )
    add("maximum_over_subsets/array", lambda: fd.maximum_over_subsets(data("normal", 256)[:, 0]))
    add("maximum_over_subsets/members", lambda: fd.maximum_over_subsets(lambda m: m.mean(axis=1), 6, max_size=3))
    add("list_subsets/table", lambda: fd.list_subsets(*laws(5)))
    add("list_subsets/words", lambda: str(fd.list_subsets(*laws(4), labels="abcd")))
    p, q = laws(60)
    line, plane = data("rounded", 60)[:, 0], data("rounded", 60, 2)
    cells = np.arange(60) % 7
    order = np.array([(i, i + 7) for i in range(53)])
    for family, options in {
        "half-lines": {"points": line},
        "intervals": {"points": line},
        "interval-unions": {"points": line, "k": 3},
        "boxes": {"points": plane},
        "half-planes": {"points": plane},
        "size": {"k": 9},
        "partition": {"cells": cells},
        "up-sets": {"order": order},
        "all": {},
    }.items():
        add(f"set_discrepancy/{family}", functools.partial(fd.set_discrepancy, p, q, family, **options))
        if family in ("half-lines", "intervals", "interval-unions", "boxes", "half-planes", "all"):
            d = 2 if family in ("boxes", "half-planes") else 1
            X, Y = data("rounded", 201, d), data("shifted", 151, d)
            k = {"k": 2} if family == "interval-unions" else {}
            add(f"sample_discrepancy/{family}", functools.partial(fd.sample_discrepancy, X, Y, family, **k))
            weighted = functools.partial(fd.sample_discrepancy, X, Y, family, weight_X=weights(201), **k)
            add(f"sample_discrepancy/{family}-weighted", weighted)
    add("set_discrepancy/exactly", functools.partial(fd.set_discrepancy, p, q, "size", k=5, exactly=True))
    gaussian = fd.Gaussian().fit(data("normal", 301))
    add("set_discrepancy/model", lambda: fd.set_discrepancy(p, gaussian, "half-lines", line))
    add("sample_discrepancy/model", lambda: fd.sample_discrepancy(data("heavy", 99), gaussian, "intervals"))
    add("kolmogorov_distance/samples", lambda: fd.kolmogorov_distance(data("normal", 99), data("shifted", 77)))
    add("kolmogorov_distance/laws", lambda: fd.kolmogorov_distance(p, q, points=line))
    add("kolmogorov_distance/model", lambda: fd.kolmogorov_distance(data("normal", 99), gaussian))
    for size in (None, 0.05):
        add(f"best_test/laws-{size}", functools.partial(fd.best_test, *laws(12), size))
        repeated = functools.partial(fd.best_test, *laws(12), size, n_observations=5, n_draws=4096, random_state=0)
        add(f"best_test/repeated-{size}", repeated)
        add(
            f"best_test/models-{size}",
            lambda size=size: fd.best_test(
                gaussian, fd.Gaussian().fit(data("shifted", 99)), size, n_draws=4096, random_state=0
            ),
        )


def sides() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """Pairs of laws for `divergence`, by the route that they ask for."""

    def pair(make: Callable[[], Any], d: int, n: int = 301) -> tuple[Any, Any]:
        return make().fit(data("normal", n, d)), make().fit(data("shifted", n, d))

    return {
        "gaussians-1d": lambda: pair(fd.Gaussian, 1),
        "gaussians-2d": lambda: pair(fd.Gaussian, 2),
        "gaussians-5d": lambda: pair(fd.Gaussian, 5),
        "histograms-1d": lambda: pair(lambda: fd.Histogram(range=(-6, 6)), 1),
        "histograms-2d": lambda: pair(lambda: fd.Histogram(bins=5, range=[(-6, 6), (-6, 6)]), 2),
        "mixtures-1d": lambda: pair(lambda: fd.GaussianMixture(2, random_state=0), 1),
        "kde-1d": lambda: pair(lambda: fd.KernelDensity(bandwidth="scott", kernel="epanechnikov"), 1, 101),
        "laws": lambda: (
            fd.DiscreteLaw(np.arange(9.0), laws(9)[0]),
            fd.DiscreteLaw(np.arange(9.0) + 1.0, laws(9)[1]),
        ),
        "law-density": lambda: (fd.DiscreteLaw(np.arange(9.0), laws(9)[0]), fd.Gaussian().fit(data("normal", 99))),
    }


def divergences() -> None:
    for name, make in sides().items():
        for kind in KINDS:
            add(
                f"divergence/{name}-{kind}",
                lambda make=make, kind=kind: fd.divergence(*make(), kind, random_state=0, **order_of(kind)),
            )
    routes: dict[str, tuple[Callable[[], tuple[Any, Any]], tuple[str, ...], dict[str, Any]]] = {
        "bounds": (lambda: sides()["mixtures-1d"](), ("tv", "kl", "js", "hellinger", "chi2"), {"method": "bounds"}),
        "monte-carlo": (
            lambda: sides()["gaussians-2d"](),
            KINDS,
            {"method": "monte_carlo", "max_evaluations": 8192, "random_state": 0},
        ),
        "quadrature": (lambda: sides()["gaussians-1d"](), KINDS, {"method": "quadrature"}),
        "adaptive": (
            lambda: (
                fd.AdaptiveKernelDensity(kernel="biweight").fit(data("normal", 61)),
                fd.KNeighborsDensity(9).fit(data("shifted", 71)),
            ),
            ("tv", "js"),
            {"tolerance": 1e-6},
        ),
        "bounded": (
            lambda: (
                fd.KernelDensity(bandwidth=0.1, bounds=(0, 1)).fit(data("uniform", 61)),
                fd.Histogram(bins=5, range=(0, 1)).fit(data("uniform", 71)),
            ),
            ("tv", "kl", "hellinger"),
            {"tolerance": 1e-8},
        ),
        "plane": (
            lambda: (fd.Histogram(bins=3).fit(data("normal", 61, 2)), fd.Gaussian().fit(data("shifted", 71, 2))),
            ("js", "tv"),
            {"tolerance": 1e-4},
        ),
        "functions": (
            lambda: (
                lambda X: -0.5 * X[:, 0] ** 2 - 0.5 * np.log(2 * np.pi),
                lambda X: -0.5 * (X[:, 0] - 1) ** 2 - 0.5 * np.log(2 * np.pi),
            ),
            ("tv", "kl", "js"),
            {"support": (-np.inf, np.inf)},
        ),
    }
    for name, (make, kinds, options) in routes.items():
        for kind in kinds:
            add(
                f"divergence/{name}-{kind}",
                lambda make=make, kind=kind, options=options: fd.divergence(*make(), kind, **order_of(kind), **options),
            )
    for d, n, m in ((1, 401, 307), (2, 401, 307), (4, 301, 307)):
        X, Y = data("rounded" if d == 2 else "normal", n, d), data("shifted", m, d)
        for kind in KINDS:
            method = {"method": "nearest_neighbors", "random_state": 0}
            call = functools.partial(fd.divergence, X, Y, kind, **order_of(kind), **method)
            add(f"divergence/samples-{d}d-{kind}", call)
        for kind in ("tv", "js", "kl"):
            for method in ("plug_in", "variational", "classifier"):
                if d < 3 and (method != "classifier" or kind == "tv"):
                    options = {"method": method, "random_state": 0}
                    if method != "classifier":
                        options["n_folds"] = 2
                    add(
                        f"divergence/samples-{d}d-{method}-{kind}",
                        functools.partial(fd.divergence, X, Y, kind, **options),
                    )
            known = fd.Gaussian().fit(Y)
            add(
                f"divergence/sample-density-{d}d-{kind}",
                functools.partial(fd.divergence, X, known, kind, random_state=0),
            )
    add(
        "divergence/samples-weights",
        lambda: fd.divergence(
            data("normal", 201), data("shifted", 99), "js", weights=(weights(201), None), random_state=0
        ),
    )
    add("divergence/samples-unclipped", lambda: fd.divergence(data("normal", 201), data("normal", 99), "js", clip=False,
                                                              random_state=0))  # fmt: skip
    for kind in ("js", "tv", "f"):
        add(
            f"two_sample_test/{kind}",
            functools.partial(
                fd.two_sample_test, data("rounded", 99, 2), data("shifted", 77, 2), kind=kind, n_permutations=199,
                random_state=0, **order_of(kind),
            ),
        )  # fmt: skip
    add(
        "two_sample_power/models",
        lambda: fd.two_sample_power(*sides()["gaussians-2d"](), (40, 30), n_repetitions=20, random_state=0),
    )


def fits() -> None:
    target = functools.cache(lambda: fd.GaussianMixture(2, random_state=0).fit(data("modes", 201)))
    for kind in KINDS:
        few = {"n_starts": 1, "max_iter": 20, "random_state": 0, **order_of(kind)}
        call = functools.partial(fd.fit_divergence, fd.Gaussian(), kind=kind, **few)
        add(f"fit_divergence/gaussian-{kind}", lambda call=call: call(target=target()))
    for kind in ("kl", "js", "reverse_kl"):
        few = {"n_starts": 2, "max_iter": 10, "random_state": 0}
        mixture = fd.GaussianMixture(2, covariance_type="diag", random_state=0)
        call = functools.partial(fd.fit_divergence, mixture, data("modes", 151, 2), kind, **few)
        add(f"fit_divergence/mixture-{kind}", call)
        draws = functools.partial(
            fd.fit_divergence, fd.Gaussian("diag"), kind=kind, method="monte_carlo", n_draws=512, **few
        )
        add(f"fit_divergence/draws-{kind}", lambda draws=draws: draws(target=target()))


def tasks() -> None:
    def chosen(**options: Any) -> Any:
        names = ("Gaussian", "KernelDensity", "KNeighborsDensity", "GaussianMixture-full")
        return fd.select_density({name: MODELS[name]() for name in names}, geyser(), **options)

    add("select_density/geyser", chosen)
    add("select_density/words", lambda: str(chosen(n_folds=3, sample_weight=weights(272))))

    def through_a_file(name: str, mmap: bool) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            fd.save(fitted(name, "modes", 401, 2), path)
            loaded = fd.load(path, mmap=mmap)
            return [loaded.score_samples(queries_of(name, 2)), sorted(loaded.get_params())]

    for name in ("Gaussian", "Histogram", "KernelDensity-bounds", "AdaptiveKernelDensity-mixture", "KNeighborsDensity",
                 "GaussianMixture-tied"):  # fmt: skip
        for mmap in (False, True):
            add(f"save-load/{name}{'-mmap' * mmap}", functools.partial(through_a_file, name, mmap))
        add(
            f"pickle/{name}",
            lambda name=name: pickle.loads(pickle.dumps(fitted(name, "modes", 401, 2))).score_samples(
                queries_of(name, 2)
            ),
        )

    def on_threads(n: int) -> Any:
        with fd.threads(n):
            return fd.kernel_sum(data("normal", 20_011, 2), bandwidth=0.3)

    for n in (1, 3):
        add(f"threads/{n}", functools.partial(on_threads, n))
    add("DiscreteLaw/public", lambda: fd.DiscreteLaw(data("rounded", 50, 2), np.full(50, 0.02)))
    add("names", lambda: sorted(fd.__all__))
    add("datasets/old-faithful", geyser)
    add("versions", lambda: sorted(fd.show_versions(as_dict=True)))

    def picture(draw: Callable[[Any], Any]) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4, 3), dpi=60)
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="rgba")
        return out.getvalue()

    def density(figure: Any, d: int) -> None:
        from fastdens.plot import plot_density

        model = fitted("KernelDensity-gaussian", "uniform", 307, 1) if d == 1 else fitted("Gaussian", "geyser", 272, 2)
        X = data("uniform", 307) if d == 1 else geyser()
        plot_density(model, X, **({"ax": figure.subplots()} if d == 1 else {"figure": figure}))

    def samples(figure: Any) -> None:
        from fastdens.plot import plot_samples

        plot_samples(fitted("Gaussian", "geyser", 272, 2).sample(50, random_state=0), geyser(), figure=figure)

    add("plot_density/1d", lambda: picture(lambda figure: density(figure, 1)))
    add("plot_density/2d", lambda: picture(lambda figure: density(figure, 2)))
    add("plot_samples", lambda: picture(samples))


def refusals() -> None:
    """Bad input: the error's type and text."""
    X = data("normal", 11, 2)
    holed = X.copy()
    holed[3, 1] = np.nan
    for name, call in {
        "nan": lambda: fd.kernel_sum(holed, bandwidth=1.0),
        "bandwidth": lambda: fd.kernel_sum(X, bandwidth=-1.0),
        "kernel": lambda: fd.kernel_sum(X, bandwidth=1.0, kernel="sinc"),
        "algorithm": lambda: fd.kernel_sum(X, bandwidth=1.0, algorithm="fast"),
        "sorted-2d": lambda: fd.kernel_sum(X, bandwidth=1.0, kernel="tophat", algorithm="sorted"),
        "width": lambda: fd.kernel_sum(X, X[:, :1], bandwidth=1.0),
        "matrix": lambda: fd.kernel_sum(X, bandwidth=[[1.0, 2.0], [2.0, 1.0]]),
        "k": lambda: fd.kneighbors(X, k=12),
        "unfitted": lambda: fd.Gaussian().score_samples(X),
        "rule": lambda: fd.bandwidth(X, "rule"),
        "isj-2d": lambda: fd.bandwidth(X, "isj"),
        "kind": lambda: fd.divergence(X, X, "distance"),
        "laws": lambda: fd.total_variation([0.5, 0.6], [0.5, 0.5]),
        "family": lambda: fd.set_discrepancy([0.5, 0.5], [0.5, 0.5], "circles"),
        "bounds": lambda: fd.KernelDensity(bounds=[(1, 0), None]).fit(X),
        "metric": lambda: fd.KernelDensity(metric="cosine").fit(X),
        "condition-kernel": lambda: fd.KernelDensity(kernel="tophat").fit(X).condition(0, 0.0),
        "load": lambda: fd.load(os.devnull),
        "select": lambda: fd.select_density([], X),
        "threads": lambda: fd.kneighbors(X, k=1, n_threads=0),
    }.items():
        add(f"refused/{name}", call)


GATHERERS = (
    kernel_sums,
    models,
    questions_of_models,
    bandwidths_and_bins,
    neighbours,
    mixtures_by_hand,
    discrete,
    sets,
    divergences,
    fits,
    tasks,
    refusals,
)


# --- The program ------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Digests of the results of all public functions.")
    parser.add_argument("words", nargs="*", help="only calls whose names contain one of these")
    parser.add_argument("--list", action="store_true", help="print the names alone")
    parser.add_argument("--times", action="store_true", help="print the slowest calls to stderr")
    options = parser.parse_args()
    for gather in GATHERERS:
        gather()
    seconds = {}
    with fd.threads(2), contextlib.suppress(BrokenPipeError):
        for name, call in CALLS.items():
            if options.words and not any(word in name for word in options.words):
                continue
            start = time.perf_counter()
            print(name if options.list else f"{name}  {fingerprint(call)}", flush=True)
            seconds[name] = time.perf_counter() - start
    if options.times:
        for name in sorted(seconds, key=seconds.__getitem__)[-40:]:
            print(f"{seconds[name]:8.3f} s  {name}", file=sys.stderr)
        print(f"{sum(seconds.values()):8.3f} s  {len(seconds)} calls", file=sys.stderr)


if __name__ == "__main__":
    main()
