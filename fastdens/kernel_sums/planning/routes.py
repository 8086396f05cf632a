"""The routes of a kernel sum: which there are, and the words for them."""

from __future__ import annotations

from fastdens.kernel_sums.direct.route import Direct
from fastdens.kernel_sums.far.route import Far
from fastdens.kernel_sums.fast_gauss.route import FastGauss
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.sorted.route import Sorted
from fastdens.kernel_sums.tree.route import Tree

# Those that a sum may begin with. Of routes that cost the same the first is taken.
FIRST_ROUTES: dict[str, Route] = {route.name: route for route in (Direct(), Sorted(), FastGauss(), Tree())}
# Those that take what others leave unresolved besides.
ROUTES: dict[str, Route] = FIRST_ROUTES | {route.name: route for route in (Far(),)}
# What users may write as `algorithm`, and what it means. "grid" is an old word for "fast_gauss".
ROUTE_OF = {"auto": "auto", **{name: name for name in FIRST_ROUTES}, "grid": "fast_gauss"}
