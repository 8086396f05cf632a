"""Small real data sets: Old Faithful, and the two lists of numbers of the lecture behind this package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

__all__ = ["DataSet", "load_lecture_numbers", "load_old_faithful"]

_LECTURE_NUMBERS = (3, 5, 4, 4, 4, 4, 5, 6, 5, 4, 5, 4, 5, 6, 5, 6, 5, 5, 6, 6)
_LECTURE_NUMBERS_OUTLIER = (3, 5, 4, 4, 4, 4, 5, 6, 8, 4, 5, 4, 5, 6, 5, 6, 5, 5, 6, 5)


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set with its names and origin.

    Attributes
    ----------
    data : ndarray of shape (n_samples, n_features)
        The values, float64; a fresh array that may be changed.
    feature_names : tuple of str
        Name of each column.
    units : tuple of str
        Unit of each column; empty for a number without one.
    description : str
        What was measured, with units.
    source : str
        Where it was published.
    """

    data: np.ndarray
    feature_names: tuple[str, ...]
    units: tuple[str, ...]
    description: str
    source: str


def load_old_faithful() -> DataSet:
    """Eruptions of the Old Faithful geyser: duration and waiting time to the next eruption, in minutes.

    Returns
    -------
    DataSet
        272 rows; columns ``eruptions`` (minutes) and ``waiting`` (minutes).

    References
    ----------
    Azzalini, A. and Bowman, A. W. (1990). A look at some data on the Old Faithful geyser. Applied Statistics 39,
    357-365.

    Härdle, W. (1991). Smoothing Techniques with Implementation in S. Springer.

    Examples
    --------
    >>> from fastdens.datasets import load_old_faithful
    >>> geyser = load_old_faithful()
    >>> geyser.data.shape, geyser.feature_names
    ((272, 2), ('eruptions', 'waiting'))
    """
    text = files(__package__).joinpath("old_faithful.csv").read_text(encoding="utf-8")
    header, *rows = text.split()
    return DataSet(
        np.array([row.split(",") for row in rows], dtype=np.float64),
        tuple(header.split(",")),
        ("minutes", "minutes"),
        "Old Faithful geyser, Yellowstone: duration of an eruption and waiting time to the next one (minutes)",
        "Azzalini & Bowman (1990), Applied Statistics 39, 357-365; Härdle (1991), Smoothing Techniques",
    )


def load_lecture_numbers(outlier: bool = False) -> DataSet:
    """The twenty whole numbers to which the lecture "Generative Modeling" wants one more alike.

    Parameters
    ----------
    outlier : bool, default=False
        Whether to return the lecture's second list, in which an 8 lies apart from the rest.

    Returns
    -------
    DataSet
        20 rows of one column, ``number``; many values repeat.

    References
    ----------
    Derkach, D. (2021). Generative Modeling. HSE-Yandex Autumn School, Moscow.

    Examples
    --------
    >>> from fastdens.datasets import load_lecture_numbers
    >>> load_lecture_numbers(outlier=True).data.max()
    np.float64(8.0)
    """
    if not isinstance(outlier, bool | np.bool_):
        raise TypeError(f"outlier must be True or False, got {outlier!r}")
    return DataSet(
        np.array(_LECTURE_NUMBERS_OUTLIER if outlier else _LECTURE_NUMBERS, dtype=np.float64)[:, None],
        ("number",),
        ("",),
        f"The lecture's {'second list, with the outlier 8' if outlier else 'first list'}: whole numbers",
        "Derkach (2021), Generative Modeling, HSE-Yandex Autumn School",
    )
