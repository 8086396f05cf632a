"""The command line: what the words mean, and how errors reach the user; the work is in fastdens.commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from fastdens._version import __version__
from fastdens.commands import CommandError
from fastdens.commands.tables import TableError


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help lists the options)\n")


def _integer(minimum: int):
    def convert(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {minimum}, got {word!r}")
        return value

    return convert


def _separator(word: str) -> str:
    separator = {"\\t": "\t", "tab": "\t"}.get(word, word)
    if len(separator) != 1 or separator in '\r\n"':
        raise argparse.ArgumentTypeError(f"must be one character, or \\t for a tab, got {word!r}")
    return separator


def _words(word: str) -> list[str]:
    words = [part.strip() for part in word.split(",")]
    if not all(words):
        raise argparse.ArgumentTypeError(f"must be names separated by commas, got {word!r}")
    return words


def _add_data_options(parser: argparse.ArgumentParser, weights: bool = True) -> None:
    parser.add_argument(
        "--columns", type=_words, metavar="A,B", help="columns to use, by name or by position from 1 (default: all)"
    )
    if weights:
        parser.add_argument("--weights", metavar="COLUMN", help="column that holds the weight of each row")
    parser.add_argument("--separator", type=_separator, default=",", metavar="C", help="between cells (default: ,)")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=_integer(1), metavar="N", help="threads to use (default: all processors)")


def _add_model_commands(commands: Any) -> None:
    fit = commands.add_parser(
        "fit",
        allow_abbrev=False,
        help="fit one model to a table and keep it in a file",
        description="Fit one model to the columns of a table and keep it in a file.",
    )
    fit.add_argument(
        "model", metavar="MODEL", help="Gaussian, Histogram, KernelDensity, KNeighborsDensity or GaussianMixture"
    )
    fit.add_argument("data", metavar="DATA.csv", help="table of numbers (CSV, or Parquet through pandas)")
    fit.add_argument("-o", "--output", required=True, metavar="FILE", help="file for the model")
    fit.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="argument of the model, as in Python (bandwidth=scott, n_components=3); may be repeated",
    )
    fit.add_argument("--seed", type=_integer(0), default=0, metavar="N", help="for random starts (default: 0)")
    _add_data_options(fit)
    _add_threads(fit)
    fit.set_defaults(run=_fit)

    score = commands.add_parser(
        "score",
        allow_abbrev=False,
        help="log-density of each row of a table",
        description="Write the log-density of each row of a table under a model of `fit` or `report`.",
    )
    score.add_argument("model", metavar="MODELFILE", help="file of the model")
    score.add_argument("data", metavar="DATA.csv", help="table with the columns of the fit, in any order")
    score.add_argument("-o", "--output", metavar="FILE", help="CSV to write (default: standard output)")
    _add_data_options(score, weights=False)
    _add_threads(score)
    score.set_defaults(run=_score)

    sample = commands.add_parser(
        "sample",
        allow_abbrev=False,
        help="draw new points from a model",
        description="Draw new points from a model of `fit` or `report`.",
    )
    sample.add_argument("model", metavar="MODELFILE", help="file of the model")
    sample.add_argument("-n", "--number", type=_integer(1), default=1000, metavar="N", help="points (default: 1000)")
    sample.add_argument("--seed", type=_integer(0), default=0, metavar="N", help="for the draws (default: 0)")
    sample.add_argument("-o", "--output", metavar="FILE", help="CSV to write (default: standard output)")
    _add_threads(sample)
    sample.set_defaults(run=_sample)


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        allow_abbrev=False,
        help="how far apart the rows of two tables are",
        description="Estimate divergences between the distributions that the rows of two tables come from, "
        "with error bars, "
        "and test whether it is one distribution.",
    )
    compare.add_argument("first", metavar="A.csv", help="table of numbers (CSV, or Parquet through pandas)")
    compare.add_argument("second", metavar="B.csv", help="table with the same columns, in any order")
    compare.add_argument(
        "--kinds",
        type=_words,
        metavar="K,L",
        help="divergences (tv, kl, reverse_kl, jeffreys, js, js_distance, hellinger, squared_hellinger, chi2, "
        "neyman_chi2; default: five of them)",
    )
    compare.add_argument(
        "--permutations", type=_integer(1), default=999, metavar="N", help="permutations of the test (default: 999)"
    )
    compare.add_argument("--seed", type=_integer(0), default=0, metavar="N", help="for the permutations (default: 0)")
    compare.add_argument("-o", "--output", metavar="FILE", help="CSV for the estimates")
    _add_data_options(compare, weights=False)
    _add_threads(compare)
    compare.set_defaults(run=_compare)


def _report(arguments: argparse.Namespace) -> None:
    from fastdens.commands.report import run

    run(arguments)


def _fit(arguments: argparse.Namespace) -> None:
    from fastdens.commands.models import fit

    fit(arguments)


def _score(arguments: argparse.Namespace) -> None:
    from fastdens.commands.models import score

    score(arguments)


def _sample(arguments: argparse.Namespace) -> None:
    from fastdens.commands.models import sample

    sample(arguments)


def _compare(arguments: argparse.Namespace) -> None:
    from fastdens.commands.compare import run

    run(arguments)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(prog="fastdens", description="Density estimation from the command line.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"fastdens {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    report = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="fit every model, compare them, draw new points, make pictures",
        description="Fit every model to the columns of a table, compare them by the log-density of held-out points, "
        "draw new points from the best, and save a table and pictures. Without a file: the bundled Old Faithful data.",
    )
    report.add_argument("data", nargs="?", metavar="DATA.csv", help="table of numbers (CSV, or Parquet through pandas)")
    report.add_argument(
        "--output", default="fastdens-report", metavar="DIR", help="folder for the results (default: %(default)s)"
    )
    report.add_argument(
        "--seed", type=_integer(0), default=0, metavar="N", help="for folds, starts and draws (default: 0)"
    )
    report.add_argument(
        "--folds", type=_integer(2), default=5, metavar="N", help="folds of the cross-validation (default: 5)"
    )
    report.add_argument(
        "--max-components", type=_integer(1), default=16, metavar="N", help="most components of a mixture (default: 16)"
    )
    report.add_argument("--no-pictures", action="store_true", help="make no pictures")
    _add_data_options(report)
    _add_threads(report)
    report.set_defaults(run=_report)
    _add_model_commands(commands)
    _add_compare(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 2 for bad input (one line on standard error) or 130 for Ctrl-C."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as exit_:  # argparse ends --help and errors so
        return exit_.code if isinstance(exit_.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # no sign in the text is worth a traceback where the terminal lacks it
            stream.reconfigure(errors="replace")
    try:
        from fastdens.core.threads import default_threads, threads

        with threads(arguments.threads or default_threads()):
            arguments.run(arguments)
    except (TableError, CommandError) as error:
        print(f"fastdens {arguments.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"fastdens {arguments.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong, and Python's last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0
