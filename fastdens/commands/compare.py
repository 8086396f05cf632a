"""`fastdens compare`: how far apart the rows of two tables are, with error bars and a test."""

from __future__ import annotations

import argparse
import math

import numpy as np

from fastdens.commands import CommandError
from fastdens.commands.tables import Table, read_table, write_csv
from fastdens.commands.text import columns, count, magnitude, wrapped
from fastdens.divergences.between import divergence
from fastdens.divergences.result import Divergence
from fastdens.divergences.samples.permutation import two_sample_test

# What is shown without --kinds, and what each is called.
SHOWN = {
    "tv": "total variation",
    "hellinger": "Hellinger distance",
    "js": "Jensen-Shannon",
    "kl": "Kullback-Leibler, B from A",
    "reverse_kl": "Kullback-Leibler, A from B",
}


def run(arguments: argparse.Namespace) -> None:
    """Estimate divergences between two tables and print them, with a permutation test of equality."""
    first = read_table(arguments.first, arguments.columns, None, arguments.separator)
    wanted = arguments.columns if arguments.columns is not None else first.names if first.has_header else None
    second = read_table(arguments.second, wanted, None, arguments.separator)
    if first.data.shape[1] != second.data.shape[1]:
        raise CommandError(
            f"{arguments.first} and {arguments.second} must have the same number of columns, got "
            f"{first.data.shape[1]} and {second.data.shape[1]}; --columns chooses"
        )
    kinds = arguments.kinds or list(SHOWN)
    try:
        results = {kind: divergence(first.data, second.data, kind, random_state=arguments.seed) for kind in kinds}
        test = two_sample_test(
            first.data, second.data, n_permutations=arguments.permutations, random_state=arguments.seed
        )
    except (ValueError, TypeError) as error:
        raise CommandError(str(error)) from error
    print(_heading(arguments, first, second), end="\n\n")
    print(_table(results))
    print(f"\nPermutation test that both come from one distribution: p = {magnitude(test.p_value)} "
          f"({count(arguments.permutations)} permutations)")  # fmt: skip
    if arguments.output is not None:
        _write(arguments.output, results)


def _heading(arguments: argparse.Namespace, first: Table, second: Table) -> str:
    names = ", ".join(first.names)
    return wrapped(
        f"A: {arguments.first}, {count(len(first.data))} rows. B: {arguments.second}, {count(len(second.data))} rows. "
        f"{first.data.shape[1]} column{'s' if first.data.shape[1] > 1 else ''} ({names})."
    )


def _table(results: dict[str, Divergence]) -> str:
    rows = [["divergence", "estimate ± se", "95 % interval", "method"]]
    for kind, result in results.items():
        error = "" if math.isnan(result.standard_error) else f" ± {result.standard_error:.2g}"
        low, high = result.interval
        interval = "-" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
        rows.append([SHOWN.get(kind, kind), f"{result.value:.4f}{error}", interval, result.method])
    return columns(rows)


def _write(path: str, results: dict[str, Divergence]) -> None:
    names = ["kind", "value", "standard_error", "low", "high", "method"]
    rows = [
        [kind, result.value, result.standard_error, *map(float, np.asarray(result.interval)), result.method]
        for kind, result in results.items()
    ]
    try:
        write_csv(path, names, rows)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written ({error.strerror or error})") from None
