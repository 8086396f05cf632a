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
from fastdens.core.tuning import Tunable
from fastdens.models.drawing import draw
from fastdens.tasks.selection import Candidate, DensitySelection, fit_copy, select_density

N_NEW_POINTS = 1000
# Kernel and neighbour estimates cost rows times rows in each fold.
MOST_ROWS_COMPARED = Tunable(20_000)


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


@dataclass(frozen=True)
class Settings:
    """What a report is asked for, beside the table and the models."""

    output: Path
    n_folds: int = 5
    seed: int = 0
    with_pictures: bool = True


def run(arguments: argparse.Namespace) -> None:
    """The whole command."""
    table, labels, title = _load(arguments)
    settings = Settings(Path(arguments.output), arguments.folds, arguments.seed, not arguments.no_pictures)
    compared = _compared_rows(table, settings.seed)
    n_rows = len(compared.data) - math.ceil(len(compared.data) / _folds(settings, len(compared.data)))
    candidates = families(len(table.data), n_rows, compared.data.shape[1], arguments.max_components, arguments.seed)
    print(report(table, labels, title, candidates, settings), end="")


def report(table: Table, labels: list[str], title: str, candidates: list[Family], settings: Settings) -> str:
    """Compare any models on a table, and write tables, pictures, new points and the best model; the text of the report.

    Every step asks a model for no more than the contract of models says.
    """
    output, seed = settings.output, settings.seed
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--output {output}: cannot be made ({error.strerror or error})") from None
    notes = list(table.notes) + _about_repeats(table)
    compared = _compared_rows(table, seed)
    n_compared = len(compared.data)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        selection = _compare(compared, candidates, settings)
        rows = _rows(selection, candidates, table)
    best = next((row for row in rows if row.model is not None), None)
    if best is None:
        raise CommandError(f"no model fits this table; {rows[0].family.name}: {rows[0].candidate.explain_score()}")

    n_rows, n_features = table.data.shape
    text = [
        wrapped(
            f"{title}: {count(n_rows)} rows, {count(n_features)} column{'s' if n_features > 1 else ''}"
            f" ({', '.join(table.names)})"
        ),
        f"Held-out log-density per point (natural logarithm, larger is better), {_folds(settings, n_compared)}-fold "
        f"cross-validation{'' if n_compared == n_rows else f' on {count(n_compared)} rows'}, seed {seed}, "
        f"{default_threads()} thread{'s' if default_threads() > 1 else ''}",
        "",
        columns(_cells(rows), right=(3, 4, 5, 6)),
        "",
    ]
    if n_compared < n_rows:
        notes.append(
            f"Models were compared on {count(n_compared)} rows chosen at random (kernel and neighbour sums grow with "
            f"the square of the rows), then fitted to all {count(n_rows)}."
        )
    text += [paragraph(note) for note in notes + _explanations(rows, selection) + _warnings(caught)]

    new = draw(best.model, N_NEW_POINTS, seed)
    write_csv(output / "samples.csv", table.names if table.has_header else None, new.tolist())
    _write_table(output / "table.csv", selection, rows)
    save_model(best.model, output / "model.fastdens", table.names if table.has_header else None)
    vars(best.model).pop("feature_names_in_", None)  # the pictures score arrays without names
    written = [
        ("samples.csv", f"{count(N_NEW_POINTS)} new points from {best.family.name}"),
        ("model.fastdens", "that model, for `fastdens sample` and `fastdens score`"),
        ("table.csv", "every candidate"),
    ]
    if settings.with_pictures and pictures.available():
        pictures.draw_all(output, best.model, best.family.name, table, labels, new)
        written += [("density.png", "its density over the data"), ("samples.png", "the new points beside the data")]
    elif settings.with_pictures:
        text.append(paragraph("No pictures: they need matplotlib (pip install matplotlib)."))
    written.append(("report.txt", "this text"))
    width = max(len(str(output / name)) for name, _ in written)
    text += ["", *(f"{output / name!s:<{width}}  {what}" for name, what in written)]
    whole = "\n".join(text) + "\n"
    (output / "report.txt").write_text(whole, encoding="utf-8")
    return whole


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


def _folds(settings: Settings, n_rows: int) -> int:
    return min(settings.n_folds, n_rows)


def _compared_rows(table: Table, seed: int) -> Table:
    """The rows of weight, or so many of them that models are compared on."""
    data, weights = table.data, table.weights
    if weights is not None:
        data, weights = data[weights > 0], weights[weights > 0]
    if len(data) > MOST_ROWS_COMPARED.value:
        chosen = np.random.default_rng(seed).choice(len(data), MOST_ROWS_COMPARED.value, replace=False)
        data, weights = data[chosen], None if weights is None else weights[chosen]
    return Table(data, table.names, weights, table.has_header)


def _compare(compared: Table, candidates: list[Family], settings: Settings) -> DensitySelection:
    """Cross-validate every candidate."""
    named = {f"{family.name}({label})": model for family in candidates for label, model in family.models.items()}
    try:
        with progress("comparing models") as callback:
            return select_density(
                named,
                compared.data,
                sample_weight=compared.weights,
                n_folds=_folds(settings, len(compared.data)),
                random_state=settings.seed,
                refit=False,
                on_error="record",
                callback=callback,
            )
    except ValueError as error:
        raise CommandError(str(error)) from None


def _rows(selection: DensitySelection, candidates: list[Family], table: Table) -> list[Row]:
    """Each family's best candidate, fitted to all rows; best first."""
    rows, seen = [], set()
    for candidate in selection.candidates:
        family = next(family for family in candidates if _holds(family, candidate.model))
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
                None
                if family.comparison is None
                else compared_with_numpy(family.comparison, model, table.data, table.weights),
            )
        rows.append(row)
    return rows


def _holds(family: Family, model: Any) -> bool:
    return any(own is model for own in family.models.values())


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
        if row.family.at_last and candidate.model is list(row.family.models.values())[-1]:
            notes.append(row.family.at_last)
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
