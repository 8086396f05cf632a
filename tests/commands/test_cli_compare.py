"""`fastdens compare`: the library's estimates as a table, and errors in one line."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import fastdens as fd
from fastdens.commands.cli import main


@pytest.fixture
def tables(tmp_path):
    """Two parts of the geyser's eruptions, the second with its columns the other way round."""
    data = fd.datasets.load_old_faithful().data
    paths = tmp_path / "a.csv", tmp_path / "b.csv"
    for path, header, rows in (
        (paths[0], ["eruptions", "waiting"], data[:150]),
        (paths[1], ["waiting", "eruptions"], data[150:, ::-1]),
    ):
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows.tolist()])
    return *paths, data[:150], data[150:]


def run(capsys, *arguments):
    code = main(["compare", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_table_is_what_the_library_says(tables, capsys, tmp_path):
    first, second, X, Y = tables
    output = tmp_path / "out.csv"
    code, out, err = run(capsys, first, second, "--kinds", "tv,js", "--permutations", 99, "-o", output)
    assert (code, err) == (0, "")
    test = fd.two_sample_test(X, Y, n_permutations=99, random_state=0)
    assert out.splitlines()[-1].endswith(f"p = {test.p_value:.3g} (99 permutations)")
    assert "A: " in out
    assert "150 rows" in out
    with open(output, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["tv", "js"]
    for row in rows:
        result = fd.divergence(X, Y, row["kind"], random_state=0)
        assert float(row["value"]) == pytest.approx(result.value, rel=1e-12)
        assert np.isnan(float(row["low"])) == np.isnan(result.interval[0])
    assert run(capsys, first, first, "--permutations", 19)[0] == 0


def test_errors_are_one_line(tables, capsys, tmp_path):
    first, second, _, _ = tables
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("1\n2\n3\n")
    other = tmp_path / "other.csv"
    other.write_text("1,2\n3,4\n5,6\n")
    for arguments, message in (
        ((first, tmp_path / "none.csv"), "none.csv: no such file"),
        ((first, second, "--kinds", "klx"), "kind must be one of"),
        ((other, narrow), "must have the same number of columns, got 2 and 1"),
        ((first,), "the following arguments are required: B.csv"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1
