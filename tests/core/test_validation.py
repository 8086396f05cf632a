"""Each check of validation.py: type and text of its error; what it returns is clean, its input stays whole."""

import copy

import numpy as np
import pytest
from hostile_arrays import BAD_WEIGHTS, FLOAT32_GUISES, GUISES, REFUSED

from fastdens.core import validation

# --- check_data -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_float32", [False, True])
@pytest.mark.parametrize("guise", GUISES)
def test_check_data_gives_clean_equal_data(guise, keep_float32, random):
    X = GUISES[guise](random.normal(size=(7, 3)))
    before = copy.deepcopy(X) if guise != "array_protocol" else None
    data = validation.check_data(X, keep_float32=keep_float32)
    kept = keep_float32 and guise in FLOAT32_GUISES
    assert type(data) is np.ndarray or isinstance(X, np.ndarray)
    assert data.dtype == (np.float32 if kept else np.float64)
    assert data.dtype.isnative
    assert data.flags.c_contiguous
    assert data.flags.aligned
    np.testing.assert_array_equal(np.asarray(data), np.asarray(X, dtype=float))
    if before is not None:
        np.testing.assert_array_equal(np.asarray(X), np.asarray(before))


def test_check_data_does_not_copy_clean_data(random):
    X = random.normal(size=(5, 2))
    assert np.shares_memory(validation.check_data(X), X)
    assert np.shares_memory(validation.check_data(X.astype(np.float32), keep_float32=True), X) is False


@pytest.mark.parametrize("case", REFUSED)
def test_check_data_refuses(case):
    X, error, text = REFUSED[case]
    with pytest.raises(error, match=text):
        validation.check_data(X)


@pytest.mark.parametrize("case", sorted(set(REFUSED) - {"object_of_words"}))
def test_check_data_names_the_argument(case):
    X, error, text = REFUSED[case]
    if case == "complex":
        text = "Q has dtype"
    with pytest.raises(error, match=text) as caught:
        validation.check_data(X, "Q")
    assert "Q" in str(caught.value)


def test_check_data_counts_rows():
    with pytest.raises(
        ValueError, match=r"with 1 sample\(s\) \(shape=\(1, 2\)\) while a minimum of 2 is required for X"
    ):
        validation.check_data(np.zeros((1, 2)), min_samples=2)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 4095, 4096, 4099])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_check_data_finds_a_bad_value_wherever_it_is(n, dtype):
    for place in {0, n // 2, n - 1}:
        X = np.full((n, 1), np.finfo(dtype).max, dtype=dtype)  # sums of these overflow, the values are finite
        validation.check_data(X, keep_float32=True)
        X[place] = -np.inf
        with pytest.raises(ValueError, match=rf"got -inf in row {place}, column 0"):
            validation.check_data(X, keep_float32=True)


def test_check_data_keeps_values_beyond_float32():
    """Peers' bug: a finite float64 is refused after an overflowing conversion to float32 (cuml #8570)."""
    X = np.array([[1e300, -1e300]])
    np.testing.assert_array_equal(validation.check_data(X, keep_float32=True), X)


def test_check_data_refuses_sparse_and_dask():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"Sparse data was passed for X, but dense data is required"):
        validation.check_data(sparse.csr_array(np.eye(3)))
    lazy = type("Array", (), {"__module__": "dask.array.core"})()
    with pytest.raises(TypeError, match=r"X is a dask collection; compute it first"):
        validation.check_data(lazy)


def test_check_data_passes_on_a_type_error_of_an_entry():
    with pytest.raises(TypeError, match="must be a string or a real number"):
        validation.check_data(np.array([[{}, 1.0]], dtype=object))


# --- check_queries ----------------------------------------------------------------------------------------------------


def test_check_queries_takes_no_rows_but_the_width_of_the_data():
    assert validation.check_queries(np.zeros((0, 3)), 3).shape == (0, 3)
    with pytest.raises(ValueError, match=r"^Q must have 3 features like the data, got 2$"):
        validation.check_queries(np.zeros((4, 2)), 3)
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array instead for points"):
        validation.check_queries(np.zeros(4), 3, "points")


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights",
    [
        [1, 2, 3],
        np.array([1, 2, 3], dtype=np.int8),
        np.array([True, False, True]),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1.0, 2.0, 3.0], dtype=">f8"),
        np.array([9.0, 0.0, 2.0, 0.0, 3.0])[::2],
        np.broadcast_to(2.0, 3),
    ],
    ids=["list", "int8", "bool", "float32", "big_endian", "strided", "zero_stride"],
)
def test_check_sample_weight_accepts(weights):
    """Peers' bug: integer weights raise, and weights are normalised in place (scipy #9709)."""
    before = np.array(weights)
    checked = validation.check_sample_weight(weights, 3)
    np.testing.assert_array_equal(checked, np.asarray(weights, dtype=float))
    assert checked.dtype == np.float64
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(np.asarray(weights), before)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_check_sample_weight_refuses(case):
    make, error, text = BAD_WEIGHTS[case]
    with pytest.raises(error, match=text):
        validation.check_sample_weight(make(5), 5)


def test_check_sample_weight_none_means_equal_weights():
    assert validation.check_sample_weight(None, 5) is None


def test_drop_zero_weights_changes_no_digit(random):
    X = random.normal(size=(6, 2))
    weights = np.array([0.0, 3e-310, 1e308, 1.7e308, 0.0, 5.0])
    rows, kept = validation.drop_zero_weights(X, weights)
    np.testing.assert_array_equal(rows, X[[1, 2, 3, 5]])
    assert np.isfinite(kept.sum())
    np.testing.assert_array_equal(kept[1:3] / kept[2], weights[2:4] / weights[3])
    assert validation.drop_zero_weights(X, None)[1] is None
    assert validation.drop_zero_weights(X, None)[0] is X


# --- options and numbers ----------------------------------------------------------------------------------------------


def test_check_option():
    assert validation.check_option("b", "kernel", ["a", "b"]) == "b"
    with pytest.raises(ValueError, match=r"^kernel must be one of 'a', 'b', got 'c'$"):
        validation.check_option("c", "kernel", ["a", "b"])
    with pytest.raises(TypeError, match=r"^kernel must be one of 'a', 'b', got 3$"):
        validation.check_option(3, "kernel", iter(["a", "b"]))


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (6, ValueError), (2.0, TypeError), ("2", TypeError), (True, TypeError), (None, TypeError)],
)
def test_check_integer_refuses(value, error):
    with pytest.raises(error, match=rf"^k must be an integer of at least 1 and at most 5, got {value!r}$"):
        validation.check_integer(value, "k", 1, 5)


def test_check_integer_accepts_every_integer_type():
    assert validation.check_integer(np.uint8(3), "k", 1) == 3
    assert type(validation.check_integer(np.int64(3), "k", 1)) is int
    with pytest.raises(ValueError, match=r"^k must be an integer of at least 1, got 0$"):
        validation.check_integer(0, "k", 1)


@pytest.mark.parametrize(
    ("limits", "value", "error", "rule"),
    [
        ({"above": 0}, 0.0, ValueError, " greater than 0"),
        ({"above": 0}, -1, ValueError, " greater than 0"),
        ({"above": 0}, np.nan, ValueError, " greater than 0"),
        ({"above": 0}, np.inf, ValueError, " greater than 0"),
        ({"at_least": 0}, -1e-300, ValueError, " of at least 0"),
        ({}, -np.inf, ValueError, ""),
        ({}, "1", TypeError, ""),
        ({}, True, TypeError, ""),
        ({}, 1j, TypeError, ""),
        ({}, None, TypeError, ""),
    ],
)
def test_check_number_refuses(limits, value, error, rule):
    with pytest.raises(error) as caught:
        validation.check_number(value, "rtol", **limits)
    assert str(caught.value) == f"rtol must be a finite number{rule}, got {value!r}"


def test_check_number_accepts_every_real_type():
    assert validation.check_number(np.float32(0.5), "rtol", above=0) == 0.5
    assert validation.check_number(0, "rtol", at_least=0) == 0.0
    assert type(validation.check_number(np.int8(2), "rtol")) is float


def test_check_length():
    validation.check_length(3, "means", 3, "component")
    with pytest.raises(ValueError, match=r"^means must have one entry per component \(3\), got 2$"):
        validation.check_length(2, "means", 3, "component")


# --- random state -----------------------------------------------------------------------------------------------------


def test_check_random_state_of_an_int_starts_the_same_each_time():
    draws = [validation.check_random_state(7).random(3) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(draws[0], validation.check_random_state(np.int64(7)).random(3))


def test_check_random_state_shares_the_callers_stream():
    generator = np.random.default_rng(1)
    assert validation.check_random_state(generator) is generator
    legacy = np.random.RandomState(1)
    first = validation.check_random_state(legacy).random(3)
    second = validation.check_random_state(legacy).random(3)
    assert not np.array_equal(first, second)
    again = validation.check_random_state(np.random.RandomState(1)).random(6)
    np.testing.assert_array_equal(again, np.r_[first, second])


def test_check_random_state_of_none_is_fresh_and_leaves_the_global_state_alone():
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    assert validation.check_random_state(None).random() != validation.check_random_state(None).random()
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)


@pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), (1.5, TypeError), ("seed", TypeError), (True, TypeError)])
def test_check_random_state_refuses(bad, error):
    with pytest.raises(error, match=rf"^random_state must be .*, got {bad!r}$"):
        validation.check_random_state(bad)


# --- feature names ----------------------------------------------------------------------------------------------------


def test_feature_names_of_frames():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    values = np.eye(2)
    assert list(validation.feature_names(pd.DataFrame(values, columns=["b", "a"]))) == ["b", "a"]
    assert list(validation.feature_names(pl.DataFrame({"b": [1.0], "a": [2.0]}))) == ["b", "a"]
    assert validation.feature_names(pd.DataFrame(values)) is None
    assert validation.feature_names(values) is None
    assert validation.feature_names([[1.0]]) is None
    with pytest.raises(TypeError, match=r"Feature names are only supported if all input features have string names"):
        validation.feature_names(pd.DataFrame(values, columns=["a", 1]))
