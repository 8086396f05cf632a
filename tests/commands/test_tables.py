import builtins
import codecs

import numpy as np
import pytest

from fastdens.commands.tables import TableError, read_table, write_csv


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("a,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", ("column 1", "column 2"), [[1, 2], [3, 4]]),
        ("1\n2\n3", ("column 1",), [[1], [2], [3]]),
        ("x\r\n1\r\n2\r\n", ("x",), [[1], [2]]),
        ("\ufeffx,y\n1,2\n", ("x", "y"), [[1, 2]]),
        ('"x, y",z\n"1",2\n\n 3 , -4e-3\n\n', ("x, y", "z"), [[1, 2], [3, -0.004]]),
        ("x,2020\n1,2\n", ("x", "2020"), [[1, 2]]),
        ("a,\n1,2\n", ("a", "column 2"), [[1, 2]]),
        ("first_name,b\n1,2\n3,4\n", ("first_name", "b"), [[1, 2], [3, 4]]),
        ("1e308,-1e-308\n5,.5\n", ("column 1", "column 2"), [[1e308, -1e-308], [5, 0.5]]),
    ],
)
def test_numbers_and_header_are_read(write, text, names, rows):
    table = read_table(write(text))
    assert table.names == names
    np.testing.assert_array_equal(table.data, rows)
    assert table.data.dtype == np.float64
    assert table.data.flags.c_contiguous
    assert table.weights is None
    assert table.has_header == (not names[0].startswith("column"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n\n", "is empty"),
        ("a,b\n", "line 1: has a header but no rows"),
        ("a,b\n1,2\n3,x\n", "line 3: column 'b': 'x' is not a number (--columns chooses columns)"),
        ("1,2\n3,x\n", "line 2: column 2: 'x' is not a number (--columns chooses columns)"),
        ("0.2,Ideal\n0.3,Good\n", "line 1: column 2: 'Ideal' is not a number (--columns chooses columns)"),
        ("a,b\n1,2\n\n3,nan\n", "line 4: column 'b': a value is missing (got nan)"),
        ("a,b\n1,2\n3,\n", "line 3: column 'b': a value is missing"),
        ("a,b\n1,NA\n3,4\n", "line 2: column 'b': a value is missing (got 'NA')"),
        ("nan\n1\n", "line 1: column 1: a value is missing (got 'nan')"),
        ("NA\n1\n", "line 1: column 1: a value is missing (got 'NA')"),
        ("1\ninf\n", "line 2: column 1: a value is infinite (got inf)"),
        ("x\n1e999\n", "line 2: column 'x': a value is infinite (got inf)"),
        ("x\n1_000\n", "line 2: column 'x': '1_000' is not a number (--columns chooses columns)"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 cells as in the first line, got 1"),
        ("a,b\n1,2\n3,4,5\n", "line 3: expected 2 cells as in the first line, got 3"),
        ("1,2\n3,4,5\n", "line 2: expected 2 cells as in the first line, got 3"),
        ("a,b\n1,2,3\n", "line 2: expected 2 cells as in the first line, got 3"),
        ("name,city\nBob,Paris\n", "line 2: has no column of numbers (got 'Bob,Paris')"),
        ("hello\nworld\n", "line 2: column 'hello': 'world' is not a number (--columns chooses columns)"),
        ("a,b,a\n1,2,3\n", "line 1: two columns have the name 'a' (1 and 3)"),
        (
            "a;b\n1;2\n3;4\n",
            "line 2: cells seem to be separated by semicolons, not by commas (--separator ';')",
        ),
        ("a;b\n1,5;2\n", "line 2: cells seem to be separated by semicolons, not by commas (--separator ';')"),
        ("a\tb\n1\t2\n", r"line 2: cells seem to be separated by tabs, not by commas (--separator '\t')"),
        (
            "1,5;2\n3,4;5\n",
            "line 1: column 2: '5;2' is not a number; cells seem to be separated by semicolons, not by commas "
            "(--separator ';')",
        ),
        ('a,b\n"1,2\n3,4\n', "line 3: is not CSV (unexpected end of data)"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 3: is binary, not a CSV file"),
        (b"a\n\xe9\n", "line 2: byte 0xe9 is not UTF-8 text"),
        ("a,b\n1,2".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (codecs.BOM_UTF16_BE, "is UTF-16 text; save it as UTF-8"),
        ("x\n" + "y" * 200_000, "line 2: is not CSV (field larger than field limit (131072))"),
        ("x\n" + "y" * 50, f"line 2: column 'x': '{'y' * 37}...' is not a number (--columns chooses columns)"),
    ],
)
def test_every_fault_is_one_line_with_its_place(write, content, message):
    path = write(content)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert str(caught.value) == f"{path}: {message}"


def test_missing_file_directory_and_unreadable_file(tmp_path, monkeypatch):
    with pytest.raises(TableError, match=r"nothing\.csv: no such file$"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(TableError, match=r"is a directory, not a file$"):
        read_table(tmp_path)
    path = tmp_path / "locked.csv"
    path.write_text("1\n2\n")
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda self: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(TableError, match=r"locked\.csv: cannot be read \(denied\)$"):
        read_table(path)


def test_columns_by_name_and_position_in_the_order_asked_for(write):
    path = write("a,b,c\n1,x,3\n4,y,6\n")
    np.testing.assert_array_equal(read_table(path, ["c", "a"]).data, [[3, 1], [6, 4]])
    assert read_table(path, ["3", "1"]).names == ("c", "a")
    np.testing.assert_array_equal(read_table(write("7,8\n9,1\n"), ["2"]).data, [[8], [1]])


@pytest.mark.parametrize(
    ("columns", "weights", "message"),
    [
        (["d"], None, "has no column 'd'; it has a, b, w"),
        (["0"], None, "has no column '0'; it has a, b, w"),
        (["4"], None, "has no column '4'; it has a, b, w"),
        (["a", "1"], None, "column 'a' was asked for twice"),
        (["a", "w"], "w", "column 'w' cannot be data and weights at once"),
        (["b"], None, "line 2: column 'b': 'x' is not a number (--columns chooses columns)"),
        (["a"], "v", "has no column 'v'; it has a, b, w"),
        (["a"], "b", "line 2: column 'b': 'x' is not a number (--columns chooses columns)"),
    ],
)
def test_wrong_columns(write, columns, weights, message):
    path = write("a,b,w\n1,x,3\n4,y,6\n")
    with pytest.raises(TableError) as caught:
        read_table(path, columns, weights)
    assert str(caught.value) == f"{path}: {message}"


def test_weights_leave_the_data(write):
    table = read_table(write("a,w,b\n1,0,3\n4,2.5,6\n"), weights="w")
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.data, [[1, 3], [4, 6]])
    np.testing.assert_array_equal(table.weights, [0, 2.5])
    assert table.data.flags.c_contiguous


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,w\n1,1\n2,-3\n", "line 3: column 'w': a weight must not be negative, got -3"),
        ("a,w\n1,0\n2,0\n", "column 'w': every weight is zero"),
        ("w\n1\n2\n", "has no column left beside the weights"),
    ],
)
def test_wrong_weights(write, text, message):
    path = write(text)
    with pytest.raises(TableError) as caught:
        read_table(path, weights="w")
    assert str(caught.value) == f"{path}: {message}"


def test_row_numbers_in_front_are_left_out_and_that_is_said(write):
    table = read_table(write('"","a"\n"1",3\n"2",5\n'))
    assert table.names == ("a",)
    np.testing.assert_array_equal(table.data, [[3], [5]])
    assert table.notes == ("The first column has no name and counts the rows: left out.",)
    assert read_table(write(",a\n1,3\n5,5\n")).names == ("column 1", "a")
    assert read_table(write("0,3\n1,5\n")).names == ("column 1", "column 2")


def test_other_separators(write):
    np.testing.assert_array_equal(read_table(write("a;b\n1;2\n"), separator=";").data, [[1, 2]])
    np.testing.assert_array_equal(read_table(write("1\t2\n"), separator="\t").data, [[1, 2]])


def test_numbers_survive_the_way_through_a_file(tmp_path, random):
    data = random.normal(size=(503, 3)) * [1e-9, 1, 1e9]
    write_csv(tmp_path / "out.csv", ["a", "b, c", 'd"'], data.tolist())
    table = read_table(tmp_path / "out.csv")
    assert table.names == ("a", "b, c", 'd"')
    np.testing.assert_allclose(table.data, data, rtol=1e-9)
    write_csv(tmp_path / "plain.csv", None, [[1.0, 2], [0.1, 3]])
    assert (tmp_path / "plain.csv").read_text() == "1,2\n0.1,3\n"


def test_parquet_names_the_pip_command_without_pandas(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    with pytest.raises(TableError, match="no such file"):
        read_table(path)
    path.write_bytes(b"PAR1")
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(TableError, match=r"reading Parquet needs pandas and pyarrow: pip install pandas pyarrow$"):
        read_table(path)


def frame_reader(monkeypatch, make):
    pandas = pytest.importorskip("pandas")
    monkeypatch.setattr(pandas, "read_parquet", lambda path: make(pandas))


@pytest.mark.parametrize(
    ("make", "weights", "message"),
    [
        (lambda pd: pd.DataFrame({"a": [1.0, None]}), None, "row 2: column 'a': a value is missing or infinite"),
        (lambda pd: pd.DataFrame({"a": [1.0], "t": ["x"]}), None, "column 't': does not hold numbers"),
        (lambda pd: pd.DataFrame({"a": []}), None, "is empty"),
        (lambda pd: pd.DataFrame({"a": [1, 2], "w": [1, -1]}), "w", "column 'w': weights must not be negative"),
        (lambda pd: (_ for _ in ()).throw(OSError(13, "denied")), None, "is not a Parquet file"),
        (lambda pd: (_ for _ in ()).throw(RuntimeError("bad\nmagic")), None, r"is not a Parquet file \(bad magic\)"),
        (lambda pd: (_ for _ in ()).throw(ImportError("pyarrow")), None, "pip install pandas pyarrow"),
    ],
)
def test_faults_of_parquet_files(tmp_path, monkeypatch, make, weights, message):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"")
    frame_reader(monkeypatch, make)
    with pytest.raises(TableError, match=message) as caught:
        read_table(path, weights=weights)
    assert "\n" not in str(caught.value)


def test_parquet_frames_are_read_like_csv(tmp_path, monkeypatch):
    path = tmp_path / "x.pq"
    path.write_bytes(b"")
    frame_reader(monkeypatch, lambda pd: pd.DataFrame({"a": [1, 2], "b": [True, False], "w": [0.5, 1]}))
    table = read_table(path, ["b", "a"], "w")
    np.testing.assert_array_equal(table.data, [[1, 1], [0, 2]])
    np.testing.assert_array_equal(table.weights, [0.5, 1])
    assert table.names == ("b", "a")
