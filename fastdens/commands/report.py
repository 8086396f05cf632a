"""`fastdens report`: fit every model, compare them on held-out points, draw from the best, make tables and pictures."""

from __future__ import annotations

import argparse
import math
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastdens import datasets
from fastdens.commands import CommandError, pictures
from fastdens.commands.candidates import Family, families
from fastdens.commands.models import save_model
from fastdens.commands.progress import progress
from fastdens.commands.tables import Table, read_table, write_csv
from fastdens.commands.text import columns, count, duration, number, paragraph, wrapped
from fastdens.commands.timing import compared_with_numpy, seconds_per_point
from fastdens.core.threads import default_threads
from fastdens.tasks.scaling import draw
from fastdens.tasks.selection import Candidate, DensitySelection, fit_copy, select_density

N_NEW_POINTS = 1000
# Kernel and neighbour estimates cost rows times rows in each fold.
MOST_ROWS_COMPARED = 20_000


@dataclass(frozen=True, eq=False)
class Row:
    """One family in the report: its best candidate, fitted to all rows."""

    family: Family
    candidate: Candidate
    tried: int
    model: Any = None
    fit_seconds: float = math.nan
    score_seconds: float = math.nan
    times_faster: tuple[float, str] | None = None


def run(arguments: argparse.Namespace) -> None:
    """The whole command."""
    table, labels, title = _load(arguments)
    output = Path(arguments.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--output {output}: cannot be made ({error.strerror or error})") from None
    notes = list(table.notes) + _about_repeats(table)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        selection, all_families, compared = _compare(table, arguments)
        rows = _rows(selection, all_families, table)
    best = next((row for row in rows if row.model is not None), None)
    if best is None:
        raise CommandError(f"no model fits this table; {rows[0].family.name}: {rows[0].candidate.explain_score()}")

    n_rows, n_features = table.data.shape
    text = [
        wrapped(
            f"{title}: {count(n_rows)} rows, {count(n_features)} column{'s' if n_features > 1 else ''}"
            f" ({', '.join(table.names)})"
        ),
        f"Held-out log-density per point (natural logarithm, larger is better), {_folds(arguments, compared)}-fold "
        f"cross-validation{'' if compared == n_rows else f' on {count(compared)} rows'}, seed {arguments.seed}, "
        f"{default_threads()} thread{'s' if default_threads() > 1 else ''}",
        "",
        columns(_cells(rows), right=(3, 4, 5, 6)),
        "",
    ]
    if compared < n_rows:
        notes.append(
            f"Models were compared on {count(compared)} rows chosen at random (kernel and neighbour sums grow with the "
            f"square of the rows), then fitted to all {count(n_rows)}."
        )
    text += [paragraph(note) for note in notes + _explanations(rows, selection) + _warnings(caught)]

    new = draw(best.model, N_NEW_POINTS, arguments.seed)
    write_csv(output / "samples.csv", table.names if table.has_header else None, new.tolist())
    _write_table(output / "table.csv", selection, rows)
    save_model(best.model, output / "model.fastdens", table.names if table.has_header else None)
    vars(best.model).pop("feature_names_in_", None)  # the pictures score plain arrays
    written = [
        ("samples.csv", f"{count(N_NEW_POINTS)} new points from {best.family.name}"),
        ("model.fastdens", "that model, for `fastdens sample` and `fastdens score`"),
        ("table.csv", "every candidate"),
    ]
    if arguments.no_pictures:
        pass
    elif pictures.available():
        pictures.draw_all(output, best.model, best.family.name, table, labels, new)
        written += [("density.png", "its density over the data"), ("samples.png", "the new points beside the data")]
    else:
        text.append(paragraph("No pictures: they need matplotlib (pip install matplotlib)."))
    written.append(("report.txt", "this text"))
    width = max(len(str(output / name)) for name, _ in written)
    text += ["", *(f"{output / name!s:<{width}}  {what}" for name, what in written)]
    whole = "\n".join(text) + "\n"
    (output / "report.txt").write_text(whole, encoding="utf-8")
    print(whole, end="")


def _load(arguments: argparse.Namespace) -> tuple[Table, list[str], str]:
    """The table, a label with unit for each column, and a title."""
    if arguments.data is None:
        for option in ("columns", "weights"):
            if getattr(arguments, option) is not None:
                raise CommandError(f"--{option} needs a DATA.csv")
        data_set = datasets.load_old_faithful()
        labels = [f"{name} ({unit})" for name, unit in zip(data_set.feature_names, data_set.units)]
        return Table(data_set.data, data_set.feature_names, None, True), labels, "Old Faithful (bundled)"
    table = read_table(arguments.data, arguments.columns, arguments.weights, arguments.separator)
    used = table.data if table.weights is None else table.data[table.weights > 0]
    if len(used) < 2:
        raise CommandError(f"{arguments.data}: has one row of numbers; a density needs at least two")
    for name, column in zip(table.names, used.T):
        if column.min() == column.max():
            raise CommandError(f"{arguments.data}: column {name!r} holds nothing but {column[0]:g}; it has no density")
    return table, list(table.names), Path(arguments.data).name


def _folds(arguments: argparse.Namespace, n_rows: int) -> int:
    return min(arguments.folds, n_rows)


def _compare(table: Table, arguments: argparse.Namespace) -> tuple[DensitySelection, list[Family], int]:
    """Cross-validate every candidate; also the number of rows on which that was done."""
    data, weights = table.data, table.weights
    if weights is not None:
        data, weights = data[weights > 0], weights[weights > 0]
    if len(data) > MOST_ROWS_COMPARED:
        chosen = np.random.default_rng(arguments.seed).choice(len(data), MOST_ROWS_COMPARED, replace=False)
        data, weights = data[chosen], None if weights is None else weights[chosen]
    n_folds = _folds(arguments, len(data))
    n_rows = len(data) - math.ceil(len(data) / n_folds)
    all_families = families(len(table.data), n_rows, data.shape[1], arguments.max_components, arguments.seed)
    candidates = {f"{family.name}({label})": model for family in all_families for label, model in family.models.items()}
    try:
        with progress("comparing models") as callback:
            selection = select_density(
                candidates,
                data,
                sample_weight=weights,
                n_folds=n_folds,
                random_state=arguments.seed,
                refit=False,
                on_error="record",
                callback=callback,
            )
    except ValueError as error:
        raise CommandError(str(error)) from None
    return selection, all_families, len(data)


def _rows(selection: DensitySelection, all_families: list[Family], table: Table) -> list[Row]:
    """Each family's best candidate, fitted to all rows; best first."""
    rows, seen = [], set()
    for candidate in selection.candidates:
        family = next(family for family in all_families if candidate.model in family.models.values())
        if family.name in seen:
            continue
        seen.add(family.name)
        row = Row(family, candidate, len(family.models))
        if not candidate.error:
            started = time.perf_counter()
            model = fit_copy(candidate.model, table.data, table.weights)
            fit_seconds = time.perf_counter() - started
            row = Row(
                family,
                candidate,
                len(family.models),
                model,
                fit_seconds,
                seconds_per_point(model, table.data),
                compared_with_numpy(model, table.data, table.weights),
            )
        rows.append(row)
    return rows


def _cells(rows: list[Row]) -> list[list[str]]:
    """The table as text."""
    cells = [["model", "parameters", "held-out score ± se", "below best ± se", "fit", "scoring/point", "× NumPy"]]
    for row in rows:
        candidate = row.candidate
        if row.model is None:
            cells.append([row.family.name, "", "failed", "", "", "", ""])
            continue
        if math.isfinite(candidate.score):
            score = f"{candidate.score:.3f} ± {candidate.standard_error:.3f}"
            below = "" if row is rows[0] else f"{candidate.difference:.3f} ± {candidate.difference_error:.3f}"
        else:
            share = candidate.infinite_fraction or candidate.zero_fraction
            score, below = f"{candidate.score:+} ({share:.2%} of points)", ""
        cells.append(
            [
                row.family.name,
                row.family.describe(row.model),
                score,
                below,
                duration(row.fit_seconds),
                duration(row.score_seconds),
                "–" if row.times_faster is None else number(row.times_faster[0]),
            ]
        )
    return cells


def _about_repeats(table: Table) -> list[str]:
    """A note on columns whose values repeat so much that they are no continuous measurements."""
    n_rows = len(table.data)
    repeating = [
        f"{name} ({count(distinct)} values)"
        for name, column in zip(table.names, table.data.T)
        if (distinct := len(np.unique(column))) <= max(n_rows / 10, 10) and distinct < n_rows
    ]
    if not repeating:
        return []
    return [
        f"Values repeat in {', '.join(repeating)}: a density that spikes at them scores high on held-out points "
        "without describing anything between."
    ]


def _explanations(rows: list[Row], selection: DensitySelection) -> list[str]:
    """What the reader needs to know to read the table."""
    notes = []
    chosen = [f"{row.family.name} {row.tried}" for row in rows if row.tried > 1]
    notes.append(
        f"Parameters are those with the best held-out score among the candidates ({', '.join(chosen)}; all in "
        "table.csv), which makes the scores slightly optimistic."
    )
    for row in rows:
        candidate = row.candidate
        if candidate.model is list(row.family.models.values())[-1] and row.family.name == "GaussianMixture":
            notes.append("The mixture is at its most components; --max-components N allows more.")
        if candidate.error:
            notes.append(f"{row.family.name} failed: {candidate.error}")
        elif candidate.infinite_fraction:
            notes.append(
                f"{row.family.name}: infinite density at points whose value repeats; no score compares with that."
            )
        elif candidate.zero_fraction:
            notes.append(
                f"{row.family.name}: {candidate.zero_fraction:.2%} of the held-out points fell where it has density "
                f"zero, so its score is -inf; on the others it averages {candidate.score_elsewhere:.3f}."
            )
    compared = [f"{row.family.name}: {row.times_faster[1]}" for row in rows if row.times_faster is not None]
    if compared:
        notes.append(
            f"× NumPy: the compiled loops against the same sums in plain NumPy ({'; '.join(compared)}). "
            "–: no compiled loop."
        )
    return notes


def _warnings(caught: list[warnings.WarningMessage]) -> list[str]:
    """Each warning of the fits once, whatever its numbers, with how often it came."""
    kinds: dict[str, list[str]] = {}
    for warning in caught:
        message = " ".join(str(warning.message).split())
        kinds.setdefault(re.sub(r"\d+", "#", message), []).append(message)
    return [
        f"Warning{f' (and {count(len(messages) - 1)} like it)' if len(messages) > 1 else ''}: {messages[0]}"
        for messages in kinds.values()
    ]


def _write_table(path: Path, selection: DensitySelection, rows: list[Row]) -> None:
    """Every candidate, with the times of those that were fitted to all rows."""
    fitted = {row.candidate.name: row for row in rows}
    lines = []
    for candidate in selection.candidates:
        row = fitted.get(candidate.name)
        has_model = row is not None and row.model is not None
        lines.append(
            [
                candidate.name,
                row.family.describe(row.model) if row is not None and has_model else "",
                candidate.score,
                candidate.standard_error,
                candidate.difference,
                candidate.difference_error,
                candidate.zero_fraction,
                candidate.infinite_fraction,
                candidate.score_elsewhere,
                row.fit_seconds if row is not None and has_model else "",
                row.score_seconds if row is not None and has_model else "",
                row.times_faster[0] if row is not None and row.times_faster is not None else "",
                candidate.error,
            ]
        )
    header = (
        "model,parameters,held_out_score,standard_error,below_best,below_best_error,zero_fraction,infinite_fraction,"
        "score_elsewhere,fit_seconds,seconds_per_point,times_faster_than_numpy,error"
    )
    write_csv(path, header.split(","), lines)
