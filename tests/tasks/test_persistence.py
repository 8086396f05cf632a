"""save and load: the same model bit for bit, mapped or read; damaged and foreign files; whole files or none."""

import json
import os
import pickle
import stat
import struct
import sys
import zlib

import numpy as np
import pytest
from subprocesses import run_python

import fastdens as fd
from fastdens.tasks import persistence
from fastdens.tasks.scaling import ScaledDensity

MODELS = {
    "Gaussian": lambda: fd.Gaussian(),
    "diagonal Gaussian": lambda: fd.Gaussian("diag"),
    "spherical Gaussian": lambda: fd.Gaussian("spherical"),
    "Histogram": lambda: fd.Histogram(bins=["fd", [-50, 0, 50]], range=[(-3, 3), None]),
    "KernelDensity": lambda: fd.KernelDensity(bandwidth="scott", kernel="epanechnikov"),
    "AdaptiveKernelDensity": lambda: fd.AdaptiveKernelDensity("mixture"),
    "balloon": lambda: fd.AdaptiveKernelDensity("balloon"),
    "KNeighborsDensity": lambda: fd.KNeighborsDensity(n_neighbors=5),
    "GaussianMixture": lambda: fd.GaussianMixture(2, random_state=np.random.RandomState(0)),
    "nested": lambda: ScaledDensity(fd.KernelDensity(bandwidth=0.3)),
}


def data(n=200):
    return np.clip(np.random.default_rng(0).normal(size=(n, 2)), -3, 3) * [1, 5]


def same(a, b):
    """Whether two attributes are equal in value, type and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype == object:
            return a.shape == b.shape and all(map(same, a.ravel(), b.ravel()))
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, fd.KDTree):
        return same(list(a.__reduce__()[1]), list(b.__reduce__()[1]))
    if isinstance(a, np.random.RandomState):
        return same(a.get_state(legacy=False), b.get_state(legacy=False))
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if hasattr(a, "get_params"):
        return same(dict(a.__getstate__()), dict(b.__getstate__()))
    return a == b


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.fastdens"


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_round_trip_is_exact(name, mmap, path):
    X = data()
    model = MODELS[name]().fit(X, sample_weight=np.arange(1, 201))
    fd.save(model, path)
    loaded = fd.load(path, mmap=mmap)
    assert type(loaded) is type(model)
    assert same(dict(loaded.__getstate__()), dict(model.__getstate__()))
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
    # A mixture's draws are those of its own random state, and the balloon estimate has none.
    if name not in ("GaussianMixture", "balloon"):
        np.testing.assert_array_equal(loaded.sample(9, random_state=0), model.sample(9, random_state=0))
    assert loaded.get_params().keys() == model.get_params().keys()
    assert np.isfinite(loaded.fit(X).score(X))


@pytest.mark.parametrize("name", MODELS)
def test_unfitted_models_too(name, path):
    model = MODELS[name]()
    fd.save(model, path)
    assert same(fd.load(path).get_params(deep=False), model.get_params(deep=False))
    with pytest.raises(ValueError, match="not fitted"):
        fd.load(path).score_samples(data())


@pytest.mark.parametrize("mmap", [False, True])
def test_trees(mmap, path):
    tree = fd.KDTree(data())
    fd.save(tree, path)
    loaded = fd.load(path, mmap=mmap)
    assert same(loaded, tree)
    for ours, theirs in zip(tree.query(data(7), k=3), loaded.query(data(7), k=3)):
        np.testing.assert_array_equal(ours, theirs)


def test_merged_marginal_and_conditional_distributions(path):
    model = fd.Gaussian().fit(data())
    for distribution in (model.merge(model), model.marginal(1), model.condition(0, 0.5)):
        fd.save(distribution, path)
        assert same(vars(fd.load(path)), vars(distribution))


def test_feature_names(path):
    import pandas as pd

    frame = pd.DataFrame(data(), columns=["height", "größe"])
    fd.save(fd.Gaussian().fit(frame), path)
    assert list(fd.load(path).feature_names_in_) == ["height", "größe"]
    assert fd.load(path).score_samples(frame).shape == (200,)


VALUES = {
    "numbers": [0, -1, 2**200, 0.1, 5e-324, -0.0, True, None],
    "not finite": [np.nan, np.inf, -np.inf],
    "strings": ["", "é\n\0", "x" * 1000],
    "tuples and lists": ((), [], (1, [2, (3,)])),
    "dicts": {"a": 1, 2: {"float": np.nan}, (1, 2): None, "array": np.arange(3)},
    "NumPy scalars": [np.float64(np.nan), np.float32(0.1), np.int8(-3), np.bool_(True), np.complex128(1 + 2j)],
    "arrays": [np.array(3.0), np.empty((0, 4)), np.arange(6, dtype=np.int16).reshape(2, 3), np.array([True, False])],
    "array orders": [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(10.0)[::2], np.ones((1, 1, 3))],
    "NaN payloads": np.array([np.nan, -np.nan, np.inf, -0.0]),
    "text arrays": [np.array(["a", "bcd"]), np.array([b"xy"])],
    "object arrays": np.array([["a", 1.5], [None, (1, 2)]], dtype=object),
    "a model": fd.Gaussian("diag"),
}


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", VALUES)
def test_values_of_all_kinds(name, mmap, path):
    model = fd.Gaussian()
    model.extra_ = VALUES[name]
    fd.save(model, path)
    assert same(fd.load(path, mmap=mmap).extra_, VALUES[name])


def test_order_of_arrays_is_kept_and_foreign_byte_order_is_not(path):
    model = fd.Gaussian()
    model.a_, model.b_ = np.asfortranarray(np.ones((3, 4))), np.arange(5, dtype=">f8")
    fd.save(model, path)
    loaded = fd.load(path)
    assert loaded.a_.flags.f_contiguous
    assert loaded.b_.dtype.isnative
    np.testing.assert_array_equal(loaded.b_, np.arange(5))


@pytest.mark.parametrize("bit_generator", persistence.BIT_GENERATORS)
def test_random_states_continue_where_they_were(bit_generator, path):
    model = fd.Gaussian()
    model.generator_ = np.random.Generator(getattr(np.random, bit_generator)(3))
    model.random_state_ = np.random.RandomState(3)
    model.generator_.random(5)
    model.random_state_.normal(size=3)  # leaves half of a pair behind
    fd.save(model, path)
    loaded = fd.load(path)
    np.testing.assert_array_equal(loaded.generator_.random(5), model.generator_.random(5))
    np.testing.assert_array_equal(loaded.random_state_.normal(size=5), model.random_state_.normal(size=5))


def test_metadata_requests_of_scikit_learn(path):
    model = fd.Gaussian().set_fit_request(sample_weight=True).set_score_request(sample_weight="w")
    fd.save(model, path)
    requests = fd.load(path).get_metadata_routing()
    assert requests.fit.requests == {"sample_weight": True}
    assert requests.score.requests == {"sample_weight": "w"}


def test_mapped_arrays_are_views_of_the_file_and_read_only(path):
    model = fd.KernelDensity(bandwidth=1.0).fit(data())
    fd.save(model, path)
    loaded = fd.load(path, mmap=True)
    assert not loaded.points_.flags.writeable
    base = loaded.points_
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert loaded.points_.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        loaded.points_[0, 0] = 1


def test_the_file_is_no_pickle_and_small(path):
    fd.save(fd.Gaussian().fit(data(10)), path)
    content = path.read_bytes()
    assert content[:8] == b"fastdens"
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)
    assert len(content) < 4096


# --- what cannot be saved ---------------------------------------------------------------------------------------------


def test_what_cannot_be_saved_is_named_and_leaves_no_file(path):
    model = fd.Gaussian()
    for value in (lambda: 0, {1, 2}, np.array([lambda: 0], dtype=object), np.array(["2020-01-01"], "M8[D]")):
        model.odd_ = [value]
        with pytest.raises(TypeError, match=r"Gaussian\.odd_\[0\].* cannot be saved"):
            fd.save(model, path)
    model.odd_ = [1]
    model.odd_.append(model.odd_)
    with pytest.raises(TypeError, match="refers to itself"):
        fd.save(model, path)
    assert os.listdir(path.parent) == []


def test_foreign_objects_are_refused(path):
    class Gaussian:
        pass

    for thing in (3, np.arange(3), Gaussian(), fd.Gaussian):
        with pytest.raises(
            TypeError, match="model must be of fastdens, or of a subclass of its Density, got an object of class"
        ):
            fd.save(thing, path)


def test_an_interrupted_save_leaves_the_old_file(path, monkeypatch):
    fd.save(fd.Gaussian("diag"), path)

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fd.save(fd.Gaussian().fit(data()), path)
    assert os.listdir(path.parent) == [path.name]
    assert fd.load(path).covariance_type == "diag"


def test_saving_over_a_mapped_file(path):
    X = data()
    fd.save(fd.Gaussian().fit(X), path)
    mapped = fd.load(path, mmap=True)
    expected = mapped.score_samples(X)
    if sys.platform != "win32":  # which keeps mapped files from being replaced
        fd.save(fd.Gaussian().fit(X + 1), path)
        np.testing.assert_array_equal(mapped.score_samples(X), expected)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are different there")
def test_the_file_has_ordinary_permissions(path):
    before = os.umask(0o022)
    try:
        fd.save(fd.Gaussian(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_path_that_cannot_be_written_or_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        fd.save(fd.Gaussian(), tmp_path / "no" / "folder")
    with pytest.raises(FileNotFoundError):
        fd.load(tmp_path / "nothing")


# --- damaged and foreign files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"fast", b"\x80\x04K\x01.", b"\x93NUMPY\x01\x00", b"PK\x03\x04" * 100])
def test_wrong_file(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a file of fastdens: it begins with"):
        fd.load(path)


@pytest.mark.parametrize("mmap", [False, True])
def test_every_truncation_is_an_error(path, mmap):
    fd.save(fd.Gaussian().fit(data(5)), path)
    content = path.read_bytes()
    for length in [*range(0, len(content) - 64, 5), *range(len(content) - 64, len(content))]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut short|not a file of fastdens|damaged"):
            fd.load(path, mmap=mmap)


def test_every_damaged_byte_that_matters_is_noticed(path):
    model = fd.Gaussian().fit(data(5))
    fd.save(model, path)
    content = path.read_bytes()
    noticed = 0
    places = range(0, len(content), 3)
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
        try:
            loaded = fd.load(path)
        except ValueError:
            noticed += 1
        else:  # padding between arrays
            assert same(vars(loaded), vars(model))
    assert noticed > len(places) / 2


def with_header(change, version=1):
    """A file of fastdens with a changed header and a right checksum."""
    header = {"state": {"object": ["Gaussian", {"covariance_type": "full"}]}, "arrays": [], "length": 0}
    change(header)
    text = json.dumps(header).encode()
    return persistence.PREAMBLE.pack(b"fastdens", version, zlib.crc32(text), len(text)) + text


def test_newer_version(path):
    path.write_bytes(with_header(lambda header: None, version=2))
    with pytest.raises(ValueError, match="has format 2, this fastdens reads up to 1: upgrade it"):
        fd.load(path)


ARRAY = {"dtype": "<f8", "shape": [2], "order": "C", "offset": 0, "length": 16, "crc32": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"state": {"object": ["os", {}]}},
        {"state": {"object": ["persistence", {}]}},
        {"state": {"call": ["print", []]}},
        {"state": {"object": ["Gaussian", {"mean_": {"array": 3}}]}},
        {"state": {"Generator": {"dict": [["bit_generator", "__builtins__"]]}}},
        {"state": {"two": 1, "keys": 2}},
        {"state": {"object": ["Gaussian", 3]}},
        {"arrays": [{**ARRAY, "dtype": "O"}]},
        {"arrays": [{**ARRAY, "shape": [3]}]},
        {"arrays": [{**ARRAY, "shape": [-2]}]},
        {"arrays": [{**ARRAY, "shape": [2**40], "length": 2**43}]},
        {"arrays": [{**ARRAY, "offset": -64}]},
        {"arrays": [{**ARRAY, "dtype": "no type"}]},
        {"arrays": [{}]},
        {"arrays": 3},
        {"state": None, "arrays": None},
        {"length": 64},
        {"length": None},
    ],
)
@pytest.mark.parametrize("mmap", [False, True])
def test_hostile_headers_are_errors_and_run_nothing(path, change, mmap):
    path.write_bytes(with_header(lambda header: header.update(change)))
    with pytest.raises(ValueError, match=r"model\.fastdens"):
        fd.load(path, mmap=mmap)


def test_a_fresh_process_reads_every_class(path):
    """Nothing but the package has been imported there: files find the package's classes by their names alone."""
    X = data()
    scaled = ScaledDensity(fd.KernelDensity(bandwidth=0.5, bounds=[(-99, None), None])).fit(X)
    with_result = fd.fit_divergence(fd.Gaussian(), fd.GaussianMixture(2, random_state=0).fit(X), "kl")
    for model in (scaled, with_result, fd.KDTree(X), fd.KNeighborsDensity(3).fit(X), fd.Histogram(bins=4)):
        fd.save(model, path)
        print_class = f"import fastdens as fd; print(type(fd.load({str(path)!r})).__name__)"
        assert run_python(print_class).stdout.strip() == type(model).__name__


def test_a_class_that_is_not_loaded_is_named(path):
    """And nothing is imported to find it: `antigravity` would open a browser."""
    state = {"object": ["antigravity.Toy", {}]}
    path.write_bytes(with_header(lambda header: header.update(state=state, arrays=[], length=0)) + bytes(64))
    with pytest.raises(ValueError, match=r"model\.fastdens holds an object of the class 'antigravity\.Toy'"):
        fd.load(path)
    assert "antigravity" not in sys.modules
