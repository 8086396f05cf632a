import numpy as np
import pytest

from fastdens.datasets import load_lecture_numbers, load_old_faithful


def test_old_faithful_has_its_published_moments():
    geyser = load_old_faithful()
    assert geyser.data.shape == (272, 2)
    assert geyser.data.dtype == np.float64
    assert geyser.feature_names == ("eruptions", "waiting")
    np.testing.assert_allclose(geyser.data.mean(axis=0), [3.487783, 70.897059], atol=5e-7)
    np.testing.assert_allclose(geyser.data.std(axis=0, ddof=1), [1.141371, 13.594974], atol=5e-7)
    np.testing.assert_array_equal(geyser.data.min(axis=0), [1.6, 43])
    np.testing.assert_array_equal(geyser.data.max(axis=0), [5.1, 96])
    assert np.corrcoef(geyser.data.T)[0, 1] == pytest.approx(0.900811, abs=5e-7)
    assert "Azzalini" in geyser.source
    assert "minutes" in geyser.description


def test_lecture_lists_hold_twenty_numbers_that_differ_in_the_outlier():
    plain, outlier = load_lecture_numbers(), load_lecture_numbers(outlier=True)
    assert plain.data.shape == outlier.data.shape == (20, 1)
    assert plain.feature_names == ("number",)
    assert np.unique(plain.data).tolist() == [3, 4, 5, 6]
    assert np.bincount(plain.data[:, 0].astype(int)).tolist() == [0, 0, 0, 1, 6, 8, 5]
    assert np.flatnonzero(outlier.data[:, 0] == 8).tolist() == [8]
    assert np.flatnonzero(plain.data != outlier.data).tolist() == [8, 19]


def test_changing_loaded_data_does_not_change_the_next_load():
    for load in (load_old_faithful, load_lecture_numbers):
        data = load().data
        before = data.copy()
        data[:] = -1
        np.testing.assert_array_equal(load().data, before)


def test_outlier_must_be_a_truth_value():
    with pytest.raises(TypeError, match="outlier must be True or False, got 'yes'"):
        load_lecture_numbers(outlier="yes")
