"""What the routes of a kernel sum cost, in nanoseconds on one core.

Measured by `python benchmarks/calibrate.py`, which prints this file's numbers for the machine it runs on; they choose
between routes and decide whether threads are worth waking, so that a factor of two hardly shows. These are from
a 2-core x86-64 virtual machine with AVX-512.
"""

# Direct sums: per pair of query and point, what its kernel says (`SmoothingKernel.pair_ns`), and more per feature.
FEATURE_NS = 0.038
# Box transform: to sort a point (or query), per term of its expansion, per multiplication of a translation.
BOX_SORT_NS, BOX_TERM_NS, BOX_TRANSLATE_NS = 32.0, 0.22, 0.021
# To carry an expansion from box to box along one axis, per number (padding included) and term; by hand, d = 3.
BOX_CARRY_NS = 0.046
# Sorted points: to sort a point (or query), to take a point into the moments, to evaluate a query.
SORT_SIDE_NS, SORTED_POINT_NS, SORTED_QUERY_NS = 32.0, 5.1, 60.0
# Tree: to build it per point (and order queries likewise), to visit nodes for a query. Timed by hand, d = 5.
TREE_BUILD_NS, TREE_QUERY_NS = 300.0, 2500.0
