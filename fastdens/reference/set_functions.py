"""Reference of `fastdens.subsets.set_functions`: all subsets at once, with NumPy."""

import numpy as np

from fastdens.reference.subsets import SubsetMaximum, subset_discrepancies


def maximum_over_subsets(set_function, n_outcomes=None, *, measures=None, max_size=None, n_threads=None):
    """max |v(A)| over the subsets of a size, with the first of the smallest and of the largest that have it."""
    if callable(set_function):
        n = len(measures[0]) if measures is not None else n_outcomes
    else:
        n = len(set_function).bit_length() - 1
    members = np.arange(2**n)[:, None] >> np.arange(n) & 1 == 1
    sizes = members.sum(axis=1)
    allowed = sizes <= (n if max_size is None else max_size)
    if not callable(set_function):
        values = np.array(set_function)[allowed]
    elif measures is None:
        values = set_function(members[allowed])
    else:
        values = set_function(np.array([subset_discrepancies(m, np.zeros(n)) for m in measures])[:, allowed])
    members, sizes = members[allowed], sizes[allowed]
    largest = np.abs(values).max()
    reaching = np.flatnonzero(np.abs(values) == largest)
    smallest, widest = reaching[np.argmin(sizes[reaching])], reaching[np.argmax(sizes[reaching])]
    witnesses = (np.flatnonzero(members[row]) for row in (smallest, widest))
    return SubsetMaximum(float(largest), *witnesses, len(values))
