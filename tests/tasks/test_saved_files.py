"""Files that an earlier version wrote are read, and the models answer as they did.

`saved_files` holds models of 24 weighted rows, written by `fastdens.save` of the version in `expected.json` before its
modules were moved, and what they answered. A file is never written anew: a format that changes adds files.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastdens as fd

FOLDER = Path(__file__).parent / "saved_files"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def test_every_file_is_looked_at():
    assert {path.stem for path in FOLDER.glob("*.fastdens")} == {*EXPECTED["scores"], "tree"}


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", EXPECTED["scores"])
def test_a_model_scores_draws_and_is_saved_again(name, mmap, tmp_path):
    model = fd.load(FOLDER / f"{name}.fastdens", mmap=mmap)
    scores = model.score_samples(EXPECTED["queries"])
    np.testing.assert_allclose(scores, EXPECTED["scores"][name], rtol=1e-11, atol=1e-12)
    fd.save(model, tmp_path / "again")
    np.testing.assert_array_equal(fd.load(tmp_path / "again").score_samples(EXPECTED["queries"]), scores)
    if name != "adaptive_balloon":
        drawn = model.sample(3)
        assert np.shape(drawn[0] if isinstance(drawn, tuple) else drawn) == (3, 2)
    refitted = type(model)(**model.get_params()).fit(EXPECTED["queries"])
    assert refitted.get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("mmap", [False, True])
def test_a_tree_finds_the_same_neighbours(mmap):
    distances, indices = fd.load(FOLDER / "tree.fastdens", mmap=mmap).query(EXPECTED["queries"], 3)
    np.testing.assert_array_equal(distances, EXPECTED["distances"])
    np.testing.assert_array_equal(indices, EXPECTED["indices"])
