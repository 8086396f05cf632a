"""The box transform in passes over runs of boxes, so that no array holds the expansions of all boxes at once.

A box has a key, the sum over axes of (box number - lowest) * stride; arrays of keys are sorted. Neighbours are looked
up by bisection. Expansions stand in rings: that of box i is row i modulo the number of rows, so that a ring as long as
the longest window of boxes in use at one time will do. In three dimensions what the ring before the last axis holds is
packed: the padding of rows would be a fourth of it, and of the work on it.
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.fast_gauss._box_sums cimport (
    FD_BOX_ROW,
    FD_BOX_SCRATCH,
    BoxedPoints,
    BoxedQueries,
    first_from,
    tiles,
)

cdef enum:
    KEYS_IN_BLOCK = 64  # boxes per block where only their weights count
    FIRST_IN_BLOCK = 32  # where every box is some work
    FEW_IN_BLOCK = 4  # where a box may hold thousands of queries
    MOST_FOUND = 64  # places along an axis
    QUERIES_AT_ONCE = 256

KEYS_PER_BLOCK = KEYS_IN_BLOCK
FIRST_PER_BLOCK = FIRST_IN_BLOCK
FEW_PER_BLOCK = FEW_IN_BLOCK
MOST_REACH = (MOST_FOUND - 1) // 2


cdef class CarriedAxis:
    """An axis along which expansions of p terms are carried.

    `along` has its stride, number of boxes and half_width; matrix k carries over k - half_width boxes.
    """
    cdef const int64_t[::1] along
    cdef const double[:, :, ::1] matrices
    cdef Py_ssize_t p

    def __init__(self, const int64_t[::1] along, const double[:, :, ::1] matrices, Py_ssize_t p):
        self.along, self.matrices, self.p = along, matrices, p


cdef struct Line:
    # Boxes along an axis, and where those around the last one asked for stand in `keys`, -1 where there is none.
    const int64_t *keys
    Py_ssize_t low, high
    int64_t stride, count
    Py_ssize_t half_width
    int64_t last
    Py_ssize_t[MOST_FOUND] found


cdef void find(Line *line, int64_t key) noexcept nogil:
    cdef int64_t coordinate = key // line.stride % line.count, moved, wanted
    cdef Py_ssize_t n = 2 * line.half_width + 1, k = 0, place
    # The next box on a line shares all neighbours but one.
    if line.last >= 0 and key == line.last + line.stride and coordinate > 0:
        for k in range(n - 1):
            line.found[k] = line.found[k + 1]
        k = n - 1
    while k < n:
        moved = coordinate + k - line.half_width
        line.found[k] = -1
        if 0 <= moved < line.count:
            wanted = key + (k - line.half_width) * line.stride
            place = first_from(line.keys, line.low, line.high, wanted)
            if place < line.high and line.keys[place] == wanted:
                line.found[k] = place
        k += 1
    line.last = key


cdef void on_line(
    Line *line, const int64_t[::1] keys, Py_ssize_t low, Py_ssize_t high, const int64_t[::1] along
) noexcept:
    """`along`: stride, number of boxes and half width of the axis."""
    line.keys = &keys[0] if keys.shape[0] else NULL
    line.low, line.high = low, high
    line.stride, line.count, line.half_width = along[0], along[1], along[2]
    line.last = -1


def reached(
    const int64_t[::1] source_keys,
    const int64_t[::1] target_keys,
    const int64_t[::1] along,
    unsigned char[::1] reached_out,
    BlockQueue queue,
):
    """Whether any source is within the radius of each target, along one axis."""
    cdef Py_ssize_t t, place
    cdef Py_ssize_t start, stop
    cdef int64_t key, coordinate, k, wanted
    cdef Py_ssize_t n = source_keys.shape[0]
    with nogil:
        while queue.next_rows(KEYS_IN_BLOCK, target_keys.shape[0], &start, &stop):
            for t in range(start, stop):
                key = target_keys[t]
                coordinate = key // along[0] % along[1]
                reached_out[t] = 0
                for k in range(-min(coordinate, along[2]), min(along[1] - 1 - coordinate, along[2]) + 1):
                    wanted = key + k * along[0]
                    place = first_from(&source_keys[0], 0, n, wanted)
                    if place < n and source_keys[place] == wanted:
                        reached_out[t] = 1
                        break


cdef struct FirstAxis:
    # Moments of the boxes last used by a thread; those of source i in row i modulo `rows`, if tags[row] is i.
    double *moments
    double *scratch
    double *expansion
    Py_ssize_t *tags
    Py_ssize_t rows, numbers, d, p


cdef bint open_first(FirstAxis *state, Py_ssize_t half_width, Py_ssize_t d, Py_ssize_t p) noexcept:
    cdef Py_ssize_t _, k
    state.rows, state.d, state.p = 2 * half_width + 1, d, p
    state.numbers = FD_BOX_ROW(p)
    for _ in range(d - 1):
        state.numbers *= p
    state.moments = <double *> PyMem_RawMalloc(
        ((state.rows + 1) * state.numbers + FD_BOX_SCRATCH) * sizeof(double) + state.rows * sizeof(Py_ssize_t)
    )
    if state.moments == NULL:
        return False
    state.expansion = state.moments + state.rows * state.numbers
    state.scratch = state.expansion + state.numbers
    state.tags = <Py_ssize_t *> (state.scratch + FD_BOX_SCRATCH)
    for k in range(state.rows):
        state.tags[k] = -1
    return True


cdef void along_first(
    FirstAxis *state,
    Line *line,
    int64_t key,
    const double[:, ::1] local,
    const double *weights,
    const Py_ssize_t *starts,
    const double[:, :, ::1] matrices,
    double *to,
) noexcept nogil:
    """Moments of the points around, carried to a box along the first axis."""
    cdef Py_ssize_t k, s, row, outer = state.numbers // FD_BOX_ROW(state.p)
    cdef double *moments
    find(line, key)
    memset(to, 0, state.numbers * sizeof(double))
    for k in range(2 * line.half_width + 1):
        s = line.found[k]
        if s < 0:
            continue
        row = s % state.rows
        moments = state.moments + row * state.numbers
        if state.tags[row] != s:
            memset(moments, 0, state.numbers * sizeof(double))
            tiles.moments(
                &local[0, starts[s]], local.shape[1], starts[s + 1] - starts[s], state.d, state.p,
                weights + starts[s] if weights != NULL else NULL, state.scratch, moments,
            )
            state.tags[row] = s
        tiles.translate(moments, &matrices[k, 0, 0], outer, state.p, 1, to)


cdef Py_ssize_t block_start(
    const int64_t[::1] keys, Py_ssize_t first, Py_ssize_t end, long long block, int64_t on_line
) noexcept nogil:
    """Blocks begin with a line of the first axis where one begins nearby: moments around others are formed twice."""
    cdef Py_ssize_t start = first + block * FIRST_IN_BLOCK, k
    if block == 0 or start >= end:
        return min(start, end)
    for k in range(start, start + FIRST_IN_BLOCK):
        if k >= end or keys[k] // on_line != keys[k - 1] // on_line:
            return k
    return start


def first_axis(
    BoxedPoints sources, const int64_t[::1] target_keys, Py_ssize_t first, Py_ssize_t end, CarriedAxis axis,
    double[:, ::1] ring_out, BlockQueue queue,
):
    """Targets first ... end - 1: the moments of the (weighted) points of sources, carried along the first axis."""
    cdef Py_ssize_t t
    cdef long long block
    cdef FirstAxis state
    cdef Line line
    cdef const double[:, ::1] local = sources.local
    cdef const Py_ssize_t[::1] starts = sources.starts
    cdef const double[:, :, ::1] matrices = axis.matrices
    cdef const double *w = &sources.weights[0] if sources.weights is not None else NULL
    on_line(&line, sources.keys, 0, sources.keys.shape[0], axis.along)
    if not open_first(&state, line.half_width, local.shape[0], axis.p):
        raise MemoryError()
    with nogil:
        while queue.next(&block):
            for t in range(
                block_start(target_keys, first, end, block, line.count),
                block_start(target_keys, first, end, block + 1, line.count),
            ):
                if queue.must_stop():
                    break
                along_first(
                    &state, &line, target_keys[t], local, w, &starts[0], matrices, &ring_out[t % ring_out.shape[0], 0]
                )
    PyMem_RawFree(state.moments)


cdef void along_axis(
    Line *line,
    int64_t key,
    const double[:, ::1] ring,
    const double[:, :, ::1] matrices,
    Py_ssize_t outer,
    Py_ssize_t p,
    Py_ssize_t inner,
    double *to,
) noexcept nogil:
    """Expansions of the boxes around, carried to a box along another axis than the first."""
    cdef Py_ssize_t k
    find(line, key)
    memset(to, 0, ring.shape[1] * sizeof(double))
    for k in range(2 * line.half_width + 1):
        if line.found[k] >= 0:
            tiles.translate(&ring[line.found[k] % ring.shape[0], 0], &matrices[k, 0, 0], outer, p, inner, to)


def packed_length(Py_ssize_t p):
    """Numbers of a packed expansion: p slabs of p^2 numbers."""
    return p * FD_BOX_ROW(p * p)


cdef void pack(const double *expansion, Py_ssize_t p, double *to) noexcept nogil:
    cdef Py_ssize_t y, z, k, row = FD_BOX_ROW(p), slab = FD_BOX_ROW(p * p)
    for z in range(p):
        for y in range(p):
            memcpy(to + z * slab + y * p, expansion + (z * p + y) * row, p * sizeof(double))
        for k in range(p * p, slab):
            to[z * slab + k] = 0.0


cdef void unpack(const double *packed, Py_ssize_t p, double *to) noexcept nogil:
    """The inverse of pack; padding is left as it is."""
    cdef Py_ssize_t y, z, row = FD_BOX_ROW(p), slab = FD_BOX_ROW(p * p)
    for z in range(p):
        for y in range(p):
            memcpy(to + (z * p + y) * row, packed + z * slab + y * p, p * sizeof(double))


def middle_axis(
    const double[:, ::1] ring, const int64_t[::1] source_keys, Py_ssize_t low, Py_ssize_t high,
    const int64_t[::1] target_keys, const Py_ssize_t[::1] order, CarriedAxis axis, double[:, ::1] packed_out,
    BlockQueue queue,
):
    """Three dimensions, the targets in `order`: expansions of the sources low ... high - 1, which are in `ring`,
    carried along the second axis, and packed.

    Where targets that follow each other share sources, these are still in the cache.
    """
    cdef Py_ssize_t i, t, p = axis.p
    cdef Py_ssize_t start, stop
    cdef Line line
    cdef const double[:, :, ::1] matrices = axis.matrices
    cdef double *expansion = <double *> PyMem_RawMalloc(ring.shape[1] * sizeof(double))
    if expansion == NULL:
        raise MemoryError()
    on_line(&line, source_keys, low, high, axis.along)
    with nogil:
        while queue.next_rows(FIRST_IN_BLOCK, order.shape[0], &start, &stop):
            for i in range(start, stop):
                if queue.must_stop():
                    break
                t = order[i]
                along_axis(&line, target_keys[t], ring, matrices, p, p, FD_BOX_ROW(p), expansion)
                pack(expansion, p, &packed_out[t % packed_out.shape[0], 0])
    PyMem_RawFree(expansion)


cdef struct Queries:
    const double *local
    Py_ssize_t d, stride, p
    const Py_ssize_t *order
    const Py_ssize_t *starts
    double rtol, atol
    double *sums
    double *bounds


cdef bint evaluate_box(
    const Queries *queries, Py_ssize_t b, const double *expansion, double bound, double *scratch, BlockQueue queue
) noexcept nogil:
    """The expansion at the queries of a box; whether the bound is within the tolerance at each (-1 where not)."""
    cdef double[QUERIES_AT_ONCE] values
    cdef Py_ssize_t first = queries.starts[b], last, i
    cdef bint failed = False
    while first < queries.starts[b + 1] and not queue.must_stop():
        last = min(first + QUERIES_AT_ONCE, queries.starts[b + 1])
        tiles.evaluate(
            queries.local + first, queries.stride, last - first, queries.d, queries.p, expansion, scratch, &values[0]
        )
        for i in range(last - first):
            queries.sums[queries.order[first + i]] = values[i]
            if bound <= queries.rtol * (values[i] - bound) + queries.atol:
                queries.bounds[queries.order[first + i]] = bound
            else:
                queries.bounds[queries.order[first + i]] = -1.0
                failed = True
        first = last
    return failed


cdef Queries queries_of(BoxedQueries queries, Py_ssize_t p) noexcept:
    cdef Queries result
    result.local, result.d = &queries.points.local[0, 0], queries.points.local.shape[0]
    result.stride, result.p = queries.points.local.shape[1], p
    result.order, result.starts = &queries.points.order[0], &queries.points.starts[0]
    result.rtol, result.atol = queries.rtol, queries.atol
    result.sums, result.bounds = &queries.sums[0], &queries.bounds[0]
    return result


def line_sums(
    BoxedPoints sources, CarriedAxis axis, BoxedQueries boxed_queries, const Py_ssize_t[::1] chosen,
    const double[::1] bounds, unsigned char[::1] failed_out, BlockQueue queue,
):
    """One dimension, everything at once: sums at the queries of the `chosen` boxes, as `last_axis` says."""
    cdef Py_ssize_t i, b
    cdef Py_ssize_t start, stop
    cdef FirstAxis state
    cdef Line line
    cdef Queries queries = queries_of(boxed_queries, axis.p)
    cdef const double[:, ::1] local = sources.local
    cdef const Py_ssize_t[::1] starts = sources.starts
    cdef const double[:, :, ::1] matrices = axis.matrices
    cdef const int64_t[::1] target_keys = boxed_queries.points.keys
    cdef const double *w = &sources.weights[0] if sources.weights is not None else NULL
    on_line(&line, sources.keys, 0, sources.keys.shape[0], axis.along)
    if not open_first(&state, line.half_width, 1, axis.p):
        raise MemoryError()
    with nogil:
        while queue.next_rows(KEYS_IN_BLOCK, chosen.shape[0], &start, &stop):
            for i in range(start, stop):
                if queue.must_stop():
                    break
                b = chosen[i]
                along_first(&state, &line, target_keys[b], local, w, &starts[0], matrices, state.expansion)
                failed_out[b] = evaluate_box(&queries, b, state.expansion, bounds[b], state.scratch, queue)
    PyMem_RawFree(state.moments)


def last_axis(
    const double[:, ::1] ring, const int64_t[::1] source_keys, Py_ssize_t low, Py_ssize_t high, CarriedAxis axis,
    BoxedQueries boxed_queries, const Py_ssize_t[::1] chosen, const double[::1] bounds,
    unsigned char[::1] failed_out, BlockQueue queue,
):
    """Two or three dimensions (packed): expansions carried along the last axis to the `chosen` boxes, and evaluated at
    their queries.

    `bounds` are those of the boxes; `failed_out` says in which boxes there are queries that miss their tolerance.
    """
    cdef Py_ssize_t i, b
    cdef Py_ssize_t start, stop
    cdef Py_ssize_t p = axis.p
    cdef Line line
    cdef Queries queries = queries_of(boxed_queries, p)
    cdef const double[:, :, ::1] matrices = axis.matrices
    cdef const int64_t[::1] target_keys = boxed_queries.points.keys
    cdef bint packed = queries.d == 3
    cdef Py_ssize_t numbers = FD_BOX_ROW(p) * p * p if packed else 0
    # Zeros where an unpacked expansion has its padding.
    cdef double *unpacked = <double *> PyMem_RawCalloc(numbers + ring.shape[1] + FD_BOX_SCRATCH, sizeof(double))
    cdef double *expansion = unpacked + numbers
    if unpacked == NULL:
        raise MemoryError()
    on_line(&line, source_keys, low, high, axis.along)
    with nogil:
        while queue.next_rows(FEW_IN_BLOCK, chosen.shape[0], &start, &stop):
            for i in range(start, stop):
                if queue.must_stop():
                    break
                b = chosen[i]
                along_axis(&line, target_keys[b], ring, matrices, 1, p, ring.shape[1] // p, expansion)
                if packed:
                    unpack(expansion, p, unpacked)
                failed_out[b] = evaluate_box(
                    &queries, b, unpacked if packed else expansion, bounds[b], expansion + ring.shape[1], queue
                )
    PyMem_RawFree(unpacked)
