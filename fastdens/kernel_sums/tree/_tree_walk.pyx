"""Kernel sums over a kd-tree: groups of neighbouring queries against nodes, each query with bounds of its own.

A node beyond a query's radius is left out, with its largest possible share; a node wholly inside the ball of a
polynomial kernel is summed in closed form from its moments; the leaves that remain are for tree_sums.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport frexp, ldexp, sqrt
from libc.stdint cimport int32_t, int64_t, uint16_t

from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.tree._tree_sums cimport (
    BINS,
    GROUP,
    KIND_INNER,
    LONGEST_RUN,
    QUANTA,
    STACK,
    Group,
    Problem,
    SummedTree,
    add,
    add_leaf,
    bound_unresolved,
    scan,
    still_open,
    tiles,
    tolerance,
)

cdef enum:
    GREATEST_LEVEL = 1020  # 2^-1020 is about the smallest normal number

QUERIES_PER_BLOCK = GROUP

cdef double UNIT_ROUNDOFF = 2.0**-53


cdef void set_limits(const Problem *problem, Group *group) noexcept nogil:
    """How far each query has to look: up to the support, or to where all points together matter no more.

    For the latter, a leaf near the queries gives a first lower bound of each sum.
    """
    cdef Py_ssize_t node = 0, child, d = problem.d, j
    cdef double left, right, allowed, total = problem.node_weights[0], radius
    cdef int level
    if problem.is_compact:
        for j in range(group.n):
            group.limits[j] = problem.bandwidth.support * (1 + 1e-12)
        return
    while problem.kinds[node] == KIND_INNER:
        child = 2 * node + 1
        tiles.nearest(
            group.queries, d, problem.boxes + child * 2 * d, problem.scales, group.limits, group.near
        )
        tiles.nearest(
            group.queries, d, problem.boxes + (child + 1) * 2 * d, problem.scales, group.limits, group.other
        )
        left = right = 0.0
        for j in range(group.n):
            left += group.near[j]
            right += group.other[j]
        node = child if left <= right else child + 1
    for j in range(group.n):
        group.listed[j] = <int32_t> j
    add_leaf(problem, group, node, group.n)
    for j in range(group.n):
        allowed = tolerance(problem, group, j) / 20
        level = GREATEST_LEVEL
        if allowed > 1e-300 * total:
            frexp(total / allowed, &level)
        level = max(0, min(level, GREATEST_LEVEL))
        group.far[j] = total * ldexp(1.0, -level) * (1 + 1e-9)
        radius = level / -problem.bandwidth.exponent
        group.limits[j] = radius * radius if problem.of_distance else radius
        group.bases[j] = 16.0 * max(0, level - QUANTA // 16)
        # The sum of this leaf is recomputed with the others, in their order.
        group.sums[j] = group.low[j] = group.scanned[j] = 0.0
        group.errors[j] = allowed * 20  # the tolerance, as far as known


cdef void visit(const Problem *problem, Group *group) noexcept nogil:
    """Sum the nodes that have a closed form, and list the leaves that remain for each query."""
    cdef Py_ssize_t d = problem.d, node, size = 1, j
    cdef unsigned mask, inside
    cdef double r, half, growth, error
    cdef Py_ssize_t[STACK] stack
    cdef unsigned[STACK] masks
    cdef double[GROUP] squared
    stack[0] = 0
    masks[0] = 0xFFFFFFFF
    while size > 0:
        size -= 1
        node = stack[size]
        if problem.node_weights[node] == 0:
            continue
        mask = masks[size] & tiles.nearest(
            group.queries, d, problem.boxes + node * 2 * d, problem.scales, group.limits, group.near
        )
        if mask == 0:
            continue
        if problem.moments != NULL and problem.half_diagonals[node] < 1.0:
            tiles.furthest(group.queries, d, problem.boxes + node * 2 * d, problem.scales, group.other)
            inside = 0
            for j in range(group.n):
                if group.other[j] < problem.bandwidth.support * (1 - 1e-12) and not (
                    problem.starts[node] <= group.own[j] < problem.starts[node] + problem.counts[node]
                ):
                    inside |= <unsigned> 1 << j
            inside &= mask
            if inside != 0:
                tiles.closed_form(
                    group.queries, inside, d, problem.power, problem.centres + node * d, problem.factors,
                    problem.moments + node * problem.n_moments, squared, group.other,
                )
                for j in range(group.n):
                    if inside >> j & 1:
                        r = sqrt(squared[j])
                        half = problem.half_diagonals[node]
                        growth = 1.0 + squared[j] + (2 * r + half) * half
                        error = 60 * UNIT_ROUNDOFF * problem.node_weights[node]
                        if problem.power > 0:
                            error *= growth
                        if problem.power > 1:
                            error *= growth
                        if problem.power > 2:
                            error *= growth
                        if error <= 0.25 * problem.rtol * group.other[j]:
                            add(group, j, group.other[j])
                            group.errors[j] += error
                            mask &= ~(<unsigned> 1 << j)
                if mask == 0:
                    continue
        if problem.kinds[node] == KIND_INNER:
            stack[size] = 2 * node + 2
            stack[size + 1] = 2 * node + 1
            masks[size] = masks[size + 1] = mask
            size += 2
            continue
        tiles.quantise(
            group.near, mask, problem.of_distance, problem.per_unit, group.bases,
            group.quanta + group.n_leaves * GROUP,
        )
        group.leaves[group.n_leaves] = node
        group.n_leaves += 1


cdef void finish(
    const Problem *problem, Group *group, const int64_t *order, double *sums_out, double *bounds_out
) noexcept nogil:
    """Sums and bounds of their errors, rounding included; a bound of -1 where the tolerance is missed."""
    cdef Py_ssize_t j
    cdef double total, unresolved, rounding, d = problem.d
    cdef int exponent
    for j in range(group.n):
        total = group.sums[j] + group.low[j]
        unresolved = still_open(group, j, group.end_bin[j])
        if problem.is_compact:
            # u^2 is off by d + 3 roundings, and no kernel is steeper than three times that.
            rounding = UNIT_ROUNDOFF * (3 * (d + 4) * group.scanned[j] + 24 * total)
        else:
            # A term 2^-t is off by (d + 4) t roundings; terms beyond t + 64 of the sum itself do not show.
            exponent = 0
            if total > 0:
                frexp(problem.node_weights[0] / total, &exponent)
            rounding = UNIT_ROUNDOFF * total * (32 + (d + 4) * (64 + 0.7 * max(0, exponent)))
        sums_out[order[j]] = total + unresolved
        bounds_out[order[j]] = unresolved * (1 + 1e-9) + group.errors[j] + rounding
        if unresolved > tolerance(problem, group, j) or (not problem.is_compact and total < problem.smallest):
            bounds_out[order[j]] = -1.0


cdef class TreeKernel:
    """A smoothing kernel and its bandwidth, as sums over a tree need them.

    Parameters
    ----------
    code, power, of_distance, is_compact : the kernel; (1 - u^2)^power, or -1 where it is none
    exponent, support, scales : as for direct sums; scales may be None
    per_unit, upper : quanta per unit of squared distance (or distance), and K at the near end of each quantum
    """
    cdef Problem problem  # what it says of the kernel
    cdef const double[::1] scales
    cdef const double[::1] upper

    def __init__(
        self, int code, int power, bint of_distance, bint is_compact, double exponent, double support, double per_unit,
        const double[::1] scales, const double[::1] upper,
    ):
        self.scales, self.upper = scales, upper
        self.problem.kernel, self.problem.power = code, power
        self.problem.of_distance, self.problem.is_compact = of_distance, is_compact
        self.problem.bandwidth.exponent, self.problem.bandwidth.support = exponent, support
        self.problem.bandwidth.inverse = 1.0 / support
        self.problem.per_unit, self.problem.upper = per_unit, &upper[0]
        self.problem.scales = &scales[0] if scales is not None else NULL


cdef class TreeSums:
    """Sums of a kernel over a tree, prepared for any number of evaluations.

    `moments` are those of the tree for (1 - u^2)^power, or None; sums below `smallest` are not certified.
    """
    cdef Problem problem
    cdef SummedTree tree
    cdef TreeKernel kernel
    cdef const double[:, ::1] moments

    def __init__(self, SummedTree tree, const double[:, ::1] moments, TreeKernel kernel, double smallest):
        self.tree, self.kernel, self.moments = tree, kernel, moments
        self.problem = tree.problem
        self.problem.moments = &moments[0, 0] if moments is not None else NULL
        self.problem.n_moments = moments.shape[1] if moments is not None else 0
        self.problem.kernel, self.problem.power = kernel.problem.kernel, kernel.problem.power
        self.problem.of_distance, self.problem.is_compact = kernel.problem.of_distance, kernel.problem.is_compact
        self.problem.bandwidth, self.problem.per_unit = kernel.problem.bandwidth, kernel.problem.per_unit
        self.problem.scales, self.problem.upper = kernel.problem.scales, kernel.problem.upper
        self.problem.smallest = smallest

    def evaluate(
        self, const double[:, ::1] queries, const int64_t[::1] order, const int64_t[::1] own,
        const int64_t[::1] groups, double rtol, double atol, double[::1] sums_out, double[::1] bounds_out,
        int64_t[::1] pairs_out, BlockQueue queue,
    ):
        """Sums at the queries, by groups of QUERIES_PER_BLOCK in the given order, and bounds of their errors.

        Parameters
        ----------
        own : place of the point that a query leaves out, or negative; may be None
        groups : which groups to evaluate
        bounds_out : -1 where neither the tolerance nor double precision could be kept
        pairs_out : by group, how many pairs of a query and a point were formed
        """
        cdef Py_ssize_t d = self.problem.d, n_nodes = self.tree.counts.shape[0], m = order.shape[0]
        cdef Py_ssize_t j, a, first, n_numbers, n_bytes, query
        cdef long long block
        cdef Problem problem = self.problem
        cdef Group group
        cdef double *numbers
        cdef char *memory
        problem.rtol, problem.atol = rtol, atol
        # One piece of memory for all arrays of a group.
        n_numbers = 2 * GROUP * d + 10 * GROUP + (BINS + 1) * GROUP + LONGEST_RUN + GROUP
        n_bytes = 8 * n_numbers + 8 * GROUP + 4 * 4 * GROUP + (8 + 2 * GROUP) * (n_nodes + 1)
        memory = <char *> PyMem_RawMalloc(n_bytes)
        if memory == NULL:
            raise MemoryError()
        numbers = <double *> memory
        group.queries = numbers
        group.rows = group.queries + GROUP * d
        group.limits = group.rows + GROUP * d
        group.near = group.limits + GROUP
        group.other = group.near + GROUP
        group.bases = group.other + GROUP
        group.sums = group.bases + GROUP
        group.low = group.sums + GROUP
        group.errors = group.low + GROUP
        group.scanned = group.errors + GROUP
        group.far = group.scanned + GROUP
        group.totals = group.far + GROUP
        group.left_out = group.totals + GROUP
        group.weights = group.left_out + (BINS + 1) * GROUP
        group.own = <int64_t *> (numbers + n_numbers)
        group.leaves = <Py_ssize_t *> (group.own + GROUP)
        group.listed = <int32_t *> (group.leaves + n_nodes + 1)
        group.first_bin = group.listed + GROUP
        group.end_bin = group.first_bin + GROUP
        group.last_bin = group.end_bin + GROUP
        group.quanta = <uint16_t *> (group.last_bin + GROUP)
        with nogil:
            while queue.next(&block):
                first = groups[block] * GROUP
                group.n = min(m - first, <Py_ssize_t> GROUP)
                group.n_leaves = group.n_pairs = 0
                for j in range(GROUP):
                    query = order[first + min(j, group.n - 1)]
                    for a in range(d):
                        group.rows[j * d + a] = queries[query, a]
                        group.queries[a * GROUP + j] = queries[query, a]
                    group.limits[j] = -1.0
                    group.bases[j] = group.sums[j] = group.low[j] = group.errors[j] = 0.0
                    group.scanned[j] = group.far[j] = 0.0
                    group.own[j] = own[query] if own is not None else -1
                set_limits(&problem, &group)
                visit(&problem, &group)
                bound_unresolved(&problem, &group)
                scan(&problem, &group, queue)
                finish(&problem, &group, &order[first], &sums_out[0], &bounds_out[0])
                pairs_out[block] = group.n_pairs
        PyMem_RawFree(memory)
