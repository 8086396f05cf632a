"""What the routes of a kernel sum cost, in nanoseconds on one core.

Measured by `python benchmarks/calibrate.py`, which prints this file's numbers for the machine it runs on; they choose
between routes and decide whether threads are worth waking, so that a factor of two hardly shows. These are from
a 2-core x86-64 virtual machine.
"""

# Direct sums: a pair of query and point, and more per feature.
PAIR_NS = {
    "gaussian": 0.6,
    "tophat": 0.2,
    "epanechnikov": 0.2,
    "exponential": 0.8,
    "linear": 0.4,
    "cosine": 0.7,
    "biweight": 0.25,
    "triweight": 0.25,
}
FEATURE_NS = 0.15
# Box transform: to sort a point (or query), per term of its expansion, per multiplication of a translation.
BOX_SORT_NS, BOX_TERM_NS, BOX_TRANSLATE_NS = 40.0, 0.4, 0.03
# Sorted points: to sort a point (or query), to take a point into the moments, to evaluate a query.
SORT_SIDE_NS, SORTED_POINT_NS, SORTED_QUERY_NS = 50.0, 10.0, 120.0
