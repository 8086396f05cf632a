import builtins
import csv
import subprocess
import sys

import numpy as np
import pytest
from subprocesses import HANGS, environment

from fastdens.commands.cli import main
from fastdens.commands.report import MOST_ROWS_COMPARED
from fastdens.datasets import load_lecture_numbers, load_old_faithful

QUICK = ["--folds", "2", "--max-components", "2"]


def run(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def geyser_csv(path, rows=60, weights=False):
    data = load_old_faithful().data[:rows]
    header, columns = ["eruptions", "waiting"], data.tolist()
    if weights:
        header, columns = [*header, "w"], [[*row, 1 + i % 2] for i, row in enumerate(columns)]
    return write_rows(path, header, columns)


def write_rows(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """One report on the bundled data, for several tests."""
    output = tmp_path_factory.mktemp("report")
    done = subprocess.run(
        [sys.executable, "-m", "fastdens", "report", "--output", str(output), *QUICK],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 0, done.stderr
    return output, done


def test_report_without_a_file_runs_on_old_faithful(bundled):
    output, done = bundled
    assert done.stderr == ""
    assert done.stdout.startswith("Old Faithful (bundled): 272 rows, 2 columns (eruptions, waiting)\n")
    for model in ("Gaussian ", "Histogram ", "KernelDensity ", "KNeighborsDensity ", "GaussianMixture "):
        assert sum(line.startswith(model) for line in done.stdout.splitlines()) == 1
    for word in ("parameters", "held-out score ± se", "fit", "scoring/point", "× NumPy"):
        assert word in done.stdout
    assert (output / "report.txt").read_text(encoding="utf-8") == done.stdout
    assert sorted(path.name for path in output.iterdir()) == [
        "density.png",
        "model.fastdens",
        "report.txt",
        "samples.csv",
        "samples.png",
        "table.csv",
    ]


def test_report_draws_a_thousand_points_like_the_data(bundled):
    header, *rows = rows_of(bundled[0] / "samples.csv")
    assert header == ["eruptions", "waiting"]
    new, data = np.array(rows, dtype=float), load_old_faithful().data
    assert new.shape == (1000, 2)
    np.testing.assert_allclose(new.mean(axis=0), data.mean(axis=0), rtol=0.06)
    np.testing.assert_allclose(new.std(axis=0), data.std(axis=0), rtol=0.15)


def test_table_holds_every_candidate_best_first_and_the_mixture_beats_one_gaussian(bundled):
    header, *rows = rows_of(bundled[0] / "table.csv")
    assert header[:4] == ["model", "parameters", "held_out_score", "standard_error"]
    table = {row[0]: dict(zip(header, row)) for row in rows}
    scores = [float(row[2]) for row in rows]
    finite = [score for score in scores if np.isfinite(score)]
    assert finite == sorted(finite, reverse=True)
    one, two = table["GaussianMixture(n_components=1)"], table["GaussianMixture(n_components=2)"]
    assert float(two["held_out_score"]) - float(one["held_out_score"]) > 5 * float(two["standard_error"])
    assert float(one["held_out_score"]) == pytest.approx(
        float(table["Gaussian(full covariance)"]["held_out_score"]), abs=1e-4
    )
    for name, row in table.items():
        if name.startswith("Histogram"):
            assert row["held_out_score"] == "-inf"
            assert 0 < float(row["zero_fraction"]) < 1


def test_pictures_are_pictures(bundled):
    for name in ("density.png", "samples.png"):
        content = (bundled[0] / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert 10_000 < len(content) < 400_000


def test_same_seed_gives_the_same_points_for_any_number_of_threads(tmp_path, capsys):
    path = geyser_csv(tmp_path / "geyser.csv")
    for name, more in (("a", []), ("b", ["--threads", "1"]), ("c", ["--seed", "5"])):
        options = ["--columns", "eruptions", "--no-pictures", "--output", tmp_path / name, *QUICK, *more]
        code, _, err = run(capsys, "report", path, *options)
        assert (code, err) == (0, "")
    a, b, c = ((tmp_path / name / "samples.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_one_column_without_a_header(tmp_path, capsys):
    path = tmp_path / "numbers.csv"
    path.write_text("\n".join(f"{x:.4f}" for x in np.random.default_rng(0).normal(size=80)))
    code, out, err = run(capsys, "report", path, "--output", tmp_path / "out", *QUICK)
    assert (code, err) == (0, "")
    assert out.startswith("numbers.csv: 80 rows, 1 column (column 1)")
    assert len(rows_of(tmp_path / "out" / "samples.csv")) == 1000  # no header, as in the input
    assert (tmp_path / "out" / "density.png").exists()


@pytest.mark.parametrize("outlier", [False, True])
def test_lecture_numbers_run_through_every_model(tmp_path, capsys, outlier):
    path = tmp_path / "lecture.csv"
    path.write_text("number\n" + "\n".join(map(str, load_lecture_numbers(outlier).data[:, 0])))
    code, out, err = run(capsys, "report", path, "--no-pictures", "--output", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "Values repeat in number" in out
    assert "inf" in out or "failed" not in out
    new = np.array(rows_of(tmp_path / "out" / "samples.csv")[1:], dtype=float)
    assert new.shape == (1000, 1)
    assert abs(new.mean() - 5) < 0.5


def test_weights_column_changes_the_fit_and_is_no_data(tmp_path, capsys):
    path = geyser_csv(tmp_path / "weighted.csv", weights=True)
    results = {}
    for name, more in (("with", ["--weights", "w"]), ("without", [])):
        options = ["--columns", "1", "--no-pictures", "--output", tmp_path / name, *QUICK, *more]
        code, out, err = run(capsys, "report", path, *options)
        assert (code, err) == (0, "")
        assert "1 column (eruptions)" in out
        results[name] = {row[0]: row[2] for row in rows_of(tmp_path / name / "table.csv")}
    assert results["with"].keys() == results["without"].keys()
    name = "Gaussian(full covariance)"
    assert results["with"][name] != results["without"][name]


def test_large_tables_are_compared_on_a_part_and_that_is_said(tmp_path, capsys, tuned):
    tuned(MOST_ROWS_COMPARED, 40)
    path = geyser_csv(tmp_path / "geyser.csv")
    options = ["--columns", "waiting", "--no-pictures", "--output", tmp_path / "out", *QUICK]
    code, out, _ = run(capsys, "report", path, *options)
    assert code == 0
    assert "2-fold cross-validation on 40 rows" in out
    assert "compared on 40 rows chosen at random" in " ".join(out.split())
    assert "then fitted to all 60" in " ".join(out.split())


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_very_few_rows_end_without_a_traceback(tmp_path, capsys, n_rows):
    path = tmp_path / "few.csv"
    path.write_text("x,y\n" + "\n".join(f"{i},{i * i}" for i in range(n_rows)))
    code, out, err = run(capsys, "report", path, "--no-pictures", "--output", tmp_path / "out")
    assert (code == 0 and out) or (code == 2 and len(err.splitlines()) == 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "is empty"),
        ("a,b\n", "line 1: has a header but no rows"),
        ("a,b\n1,2\n3,x\n", "line 3: column 'b': 'x' is not a number"),
        ("a,b\n1,2\n3,nan\n", "line 3: column 'b': a value is missing"),
        ("a\n1\n-inf\n", "line 3: column 'a': a value is infinite"),
        ("a,b\n1,2\n", "has one row of numbers; a density needs at least two"),
        ("5\n", "has one row of numbers; a density needs at least two"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 cells as in the first line, got 1"),
        ("name,city\nBob,Paris\nAnn,Oslo\n", "line 2: has no column of numbers"),
        ("a,a\n1,2\n3,4\n", "line 1: two columns have the name 'a'"),
        ("a;b\n1;2\n3;4\n", "line 2: cells seem to be separated by semicolons"),
        ("a,b\n1,2\n1,3\n", "column 'a' holds nothing but 1; it has no density"),
        (b"\x00\x01\x02\xff", "line 1: is binary, not a CSV file"),
        (b"PK\x03\x04\xff\xfe", "line 1: byte 0xff is not UTF-8 text"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys, content, message):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = run(capsys, "report", path, "--output", tmp_path / "out")
    assert code == 2
    assert out == ""
    assert err.startswith(f"fastdens report: {path}: {message}")
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--folds", "1"], "argument --folds: must be a whole number of at least 2, got '1'"),
        (["report", "--seed", "x"], "argument --seed: must be a whole number of at least 0, got 'x'"),
        (["report", "--threads", "0"], "argument --threads: must be a whole number of at least 1, got '0'"),
        (["report", "--separator", "ab"], r"argument --separator: must be one character, or \t for a tab, got 'ab'"),
        (["report", "--columns", "a,,b"], "argument --columns: must be names separated by commas, got 'a,,b'"),
        (["report", "--columns", "a"], "--columns needs a DATA.csv"),
        (["report", "--weights", "a"], "--weights needs a DATA.csv"),
        (["report", "--colums", "a"], "unrecognized arguments: --colums"),
        (["rport"], "argument COMMAND: invalid choice: 'rport'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_command_lines_are_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("fastdens")
    assert len(err.splitlines()) == 1


def test_directory_as_data_and_file_as_output(tmp_path, capsys):
    code, _, err = run(capsys, "report", tmp_path)
    assert (code, err) == (2, f"fastdens report: {tmp_path}: is a directory, not a file\n")
    blocker = tmp_path / "file"
    blocker.write_text("")
    code, _, err = run(capsys, "report", "--output", blocker)
    assert code == 2
    assert err.startswith(f"fastdens report: --output {blocker}: cannot be made")
    assert len(err.splitlines()) == 1


def test_help_and_version(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "report" in out
    code, out, _ = run(capsys, "report", "--help")
    assert code == 0
    assert all(option in out for option in ("--output", "--seed", "--weights", "--no-pictures", "--max-components"))
    assert run(capsys, "--version")[1].startswith("fastdens ")


def test_without_matplotlib_one_line_names_the_pip_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fastdens.commands.pictures.find_spec", lambda name: None)
    path = geyser_csv(tmp_path / "geyser.csv")
    code, out, err = run(capsys, "report", path, "--columns", "2", "--output", tmp_path / "out", *QUICK)
    assert (code, err) == (0, "")
    assert sum("pip install matplotlib" in line for line in out.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*.png"))


def test_ctrl_c_is_one_line_and_130(capsys, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastdens.commands.report.select_density", interrupted)
    code, _, err = run(capsys, "report", "--no-pictures")
    assert (code, err) == (130, "fastdens report: interrupted\n")


def test_progress_only_on_a_terminal_and_quiet_without_tqdm(monkeypatch):
    from fastdens.commands.progress import progress

    pytest.importorskip("tqdm")
    imported = []
    real = builtins.__import__

    def watched(name, *args, **kwargs):
        imported.append(name)
        if name == "tqdm":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", watched)
    with progress("work") as update:
        update(1, 2)
    assert "tqdm" not in imported
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress("work") as update:
        update(1, 2)
    assert "tqdm" in imported


def test_numbers_of_components_grow_by_a_quarter_and_need_rows():
    from fastdens.commands.candidates import families

    def numbers(n_rows, most):
        return [int(name.partition("=")[2]) for name in families(n_rows, n_rows, 2, most, 0)[-1].models]

    assert numbers(1000, 16) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16]
    assert numbers(20, 16) == [1, 2, 3]
    assert numbers(2, 16) == [1]
    assert numbers(1000, 1) == [1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ns"), (3.21e-9, "3.2 ns"), (1.5e-6, "1.5 µs"), (0.0123, "12 ms"), (1, "1 s"), (61.4, "61 s")],
)
def test_durations_have_two_digits_and_a_unit(seconds, text):
    from fastdens.commands.text import duration

    assert duration(seconds) == text


def test_long_notes_are_wrapped_and_numbers_stay_whole():
    from fastdens.commands.text import WIDTH, count, paragraph

    lines = paragraph(" ".join([count(1234567)] * 40)).splitlines()
    assert len(lines) > 1
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line[2:] == " ".join(["1 234 567"] * (len(line[2:].split()) // 3)) for line in lines)


def test_signs_the_terminal_lacks_do_not_stop_the_report(tmp_path):
    path = geyser_csv(tmp_path / "geyser.csv")
    done = subprocess.run(
        [sys.executable, "-m", "fastdens", "report", str(path), "--columns", "1", "--no-pictures", *QUICK],
        env=environment(PYTHONIOENCODING="ascii"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "fastdens-report" / "table.csv").exists()


def test_nothing_heavy_is_imported_for_a_bad_command_line():
    code = (
        "import sys; from fastdens.commands.cli import main; main(['report', '--folds', '0']); "
        "print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=HANGS, check=True
    )
    for heavy in ("scipy", "matplotlib", "pandas", "fastdens.models.mixture"):
        assert f"'{heavy}'" not in done.stdout


def test_fit_score_and_sample_agree_with_the_library(tmp_path, capsys):
    import fastdens as fd

    path, model_file = geyser_csv(tmp_path / "geyser.csv"), tmp_path / "model.fastdens"
    code, out, err = run(
        capsys,
        "fit",
        "gaussianmixture",
        path,
        "-o",
        model_file,
        "--set",
        "n_components=2",
        "--set",
        "covariance_type=tied",
    )
    assert (code, out, err) == (0, "", "")
    data = load_old_faithful().data[:60]
    model = fd.GaussianMixture(2, covariance_type="tied", random_state=0).fit(data)
    swapped = tmp_path / "swapped.csv"
    write_rows(swapped, ["waiting", "note", "eruptions"], [[w, "x", e] for e, w in data.tolist()])
    code, out, err = run(capsys, "score", model_file, swapped)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "log_density"
    np.testing.assert_allclose(np.array(out.split()[1:], dtype=float), model.score_samples(data), rtol=1e-9)
    code, out, err = run(capsys, "sample", model_file, "-n", 7, "--seed", 3)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "eruptions,waiting"
    drawn = np.array([line.split(",") for line in out.splitlines()[1:]], dtype=float)
    np.testing.assert_allclose(drawn, model.sample(7, random_state=3)[0], rtol=1e-9)


def test_files_in_place_of_standard_output_and_weights(tmp_path, capsys):
    import fastdens as fd

    path, model_file = geyser_csv(tmp_path / "geyser.csv", weights=True), tmp_path / "model.fastdens"
    assert run(capsys, "fit", "Gaussian", path, "--weights", "w", "-o", model_file) == (0, "", "")
    data, weights = load_old_faithful().data[:60], 1 + np.arange(60) % 2
    assert run(capsys, "score", model_file, path, "-o", tmp_path / "scores.csv") == (0, "", "")
    expected = fd.Gaussian().fit(data, sample_weight=weights).score_samples(data)
    np.testing.assert_allclose([float(row[0]) for row in rows_of(tmp_path / "scores.csv")[1:]], expected, rtol=1e-9)
    assert run(capsys, "sample", model_file, "-o", tmp_path / "new.csv") == (0, "", "")
    assert len(rows_of(tmp_path / "new.csv")) == 1001


def test_the_report_keeps_its_best_model(bundled, capsys):
    code, out, err = run(capsys, "sample", bundled[0] / "model.fastdens", "-n", 1000, "--seed", 0)
    assert (code, err) == (0, "")
    assert out == (bundled[0] / "samples.csv").read_text()


def test_bad_models_are_one_line_and_exit_code_2(tmp_path, capsys):
    path, output = geyser_csv(tmp_path / "geyser.csv"), tmp_path / "model.fastdens"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no model")
    for arguments, message in (
        (["fit", "Gausian", path, "-o", output], "'Gausian' is no model; the models are Gaussian, Histogram"),
        (["fit", "Gaussian", path, "-o", output, "--set", "bandwidth"], "--set bandwidth: must be NAME=VALUE"),
        (["fit", "Gaussian", path, "-o", output, "--set", "bandwidth=1"], "Gaussian: Invalid parameter 'bandwidth'"),
        (["fit", "KernelDensity", path, "-o", output, "--set", "bandwidth=-1"], "KernelDensity: bandwidth must be"),
        (["fit", "Gaussian", tmp_path / "none.csv", "-o", output], f"{tmp_path / 'none.csv'}: no such file"),
        (["fit", "Gaussian", path, "-o", tmp_path / "no" / "m"], f"{tmp_path / 'no' / 'm'}: cannot be written"),
        (["fit", "Gaussian", path], "the following arguments are required: -o/--output"),
        (["score", tmp_path / "none", path], f"{tmp_path / 'none'}: no such file"),
        (["score", damaged, path], f"{damaged} is not a file of fastdens"),
        (["sample", damaged], f"{damaged} is not a file of fastdens"),
        (["sample", tmp_path], f"{tmp_path}: cannot be read"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert f"fastdens {arguments[0]}: {message}" in err
        assert len(err.splitlines()) == 1
    assert not output.exists()
    assert run(capsys, "fit", "Gaussian", path, "--columns", "eruptions", "-o", output)[0] == 0
    code, _, err = run(capsys, "score", output, path, "--columns", "1,2")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "X has 2 features, but Gaussian is expecting 1" in err
