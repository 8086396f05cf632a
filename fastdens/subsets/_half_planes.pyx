"""Signed measures over half-planes: a line turns about a point and passes the others in the order of their directions.

Whether three points lie on a line, and which way they turn, is decided exactly. Values are whole numbers, whose sums
are exact. Coordinates are scaled by powers of two: none exceeds 2^500, none but 0 is below 2^-400.
"""

from libc.math cimport fabs
from libc.stdlib cimport free, malloc

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    MANY = 16  # more places than these are sorted by heap
    PIVOTS_IN_BLOCK = 8

PIVOTS_PER_BLOCK = PIVOTS_IN_BLOCK

# Keys of directions miss the truth by less than 5 * 2^-53: those nearer than this are compared exactly.
cdef double NEAR = 2.0 ** -49


# --- which way three points turn --------------------------------------------------------------------------------------

cdef inline double sum_error(double a, double b, double total) noexcept nogil:
    # a + b - total, exactly, where total is the rounded sum (Knuth, The Art of Computer Programming 2, 4.2.2).
    cdef double b_part = total - a
    return (a - (total - b_part)) + (b - b_part)


cdef inline double product_error(double a, double b, double product) noexcept nogil:
    # a * b - product, exactly (Dekker 1971).
    cdef double c = 134217729.0 * a, a_high = c - (c - a), a_low = a - a_high
    cdef double e = 134217729.0 * b, b_high = e - (e - b), b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


cdef int sign_of_sum(const double *terms, Py_ssize_t n) noexcept nogil:
    # Terms are added one by one to an expansion without overlaps, whose last part decides (Shewchuk 1997).
    cdef double parts[16]
    cdef double carried, total, error
    cdef Py_ssize_t i, j, m = 0, kept
    for i in range(n):
        carried, kept = terms[i], 0
        for j in range(m):
            total = carried + parts[j]
            error = sum_error(carried, parts[j], total)
            if error != 0:
                parts[kept] = error
                kept += 1
            carried = total
        m = kept
        if carried != 0:
            parts[m] = carried
            m += 1
    return 0 if m == 0 else (1 if parts[m - 1] > 0 else -1)


cdef int turn(const double *x, const double *y, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c) noexcept nogil:
    """1 where a, b, c turn left, -1 where they turn right, 0 where they lie on a line; exactly."""
    cdef double bx = x[b] - x[a], by = y[b] - y[a], cx = x[c] - x[a], cy = y[c] - y[a]
    cdef double one = bx * cy, other = by * cx, determinant = one - other
    cdef double factors[12]
    cdef double terms[12]
    cdef Py_ssize_t k
    if fabs(determinant) > 4.5e-16 * (fabs(one) + fabs(other)):
        return 1 if determinant > 0 else -1
    if (
        sum_error(x[b], -x[a], bx) == 0 and sum_error(y[b], -y[a], by) == 0
        and sum_error(x[c], -x[a], cx) == 0 and sum_error(y[c], -y[a], cy) == 0
    ):
        # Differences without error, as of points of a lattice: two products decide.
        if determinant != 0:
            return 1 if determinant > 0 else -1
        determinant = product_error(bx, cy, one) - product_error(by, cx, other)
        return 0 if determinant == 0 else (1 if determinant > 0 else -1)
    factors[0], factors[1] = x[a], y[b]
    factors[2], factors[3] = -y[a], x[b]
    factors[4], factors[5] = x[b], y[c]
    factors[6], factors[7] = -y[b], x[c]
    factors[8], factors[9] = x[c], y[a]
    factors[10], factors[11] = -y[c], x[a]
    for k in range(6):
        terms[k + 6] = factors[2 * k] * factors[2 * k + 1]
        terms[k] = product_error(factors[2 * k], factors[2 * k + 1], terms[k + 6])
    return sign_of_sum(terms, 12)


# --- directions about a point -----------------------------------------------------------------------------------------

cdef struct Directions:
    double *key  # by place in the order
    double *unsorted  # by point
    Py_ssize_t *point
    Py_ssize_t *bins
    unsigned char *ahead  # by point: whether it lies above the pivot, or level with it to the right


cdef bint allocate(Directions *directions, Py_ssize_t n) noexcept nogil:
    directions.key = <double *> malloc(n * sizeof(double))
    directions.unsorted = <double *> malloc(n * sizeof(double))
    directions.point = <Py_ssize_t *> malloc(n * sizeof(Py_ssize_t))
    directions.bins = <Py_ssize_t *> malloc((n + 2) * sizeof(Py_ssize_t))
    directions.ahead = <unsigned char *> malloc(n)
    return (
        directions.key != NULL and directions.unsorted != NULL and directions.point != NULL
        and directions.bins != NULL and directions.ahead != NULL
    )


cdef void release(Directions *directions) noexcept nogil:
    free(directions.key)
    free(directions.unsorted)
    free(directions.point)
    free(directions.bins)
    free(directions.ahead)


cdef struct Plane:
    const double *x
    const double *y
    Py_ssize_t n
    Py_ssize_t pivot


cdef inline int exact_order(const Plane *plane, const Directions *directions, Py_ssize_t a,
                            Py_ssize_t b) noexcept nogil:
    # 1 where the line through a comes before that through b as the line turns left from the horizontal, 0 if it is one
    return turn(plane.x, plane.y, plane.pivot, a, b) * (1 if directions.ahead[a] == directions.ahead[b] else -1)


cdef inline bint precedes(const Plane *plane, const Directions *directions, Py_ssize_t i, double key, Py_ssize_t point,
                          bint exact) noexcept nogil:
    # Whether the direction in place i of the order comes before that of a point with its key.
    if exact:
        return exact_order(plane, directions, directions.point[i], point) > 0
    return directions.key[i] < key


cdef void sift_down(const Plane *plane, Directions *directions, Py_ssize_t first, Py_ssize_t n, Py_ssize_t root,
                    bint exact) noexcept nogil:
    cdef double key = directions.key[first + root]
    cdef Py_ssize_t point = directions.point[first + root], child
    while 2 * root + 1 < n:
        child = first + 2 * root + 1
        if child + 1 < first + n and precedes(
            plane, directions, child, directions.key[child + 1], directions.point[child + 1], exact
        ):
            child += 1
        if not precedes(plane, directions, child, key, point, exact):
            directions.key[first + root], directions.point[first + root] = (
                directions.key[child], directions.point[child]
            )
            root = child - first
        else:
            break
    directions.key[first + root], directions.point[first + root] = key, point


cdef void sort_places(const Plane *plane, Directions *directions, Py_ssize_t first, Py_ssize_t n,
                      bint exact) noexcept nogil:
    """Sort n places of the order by their keys, or exactly; by insertion where they are few, else by heap."""
    cdef Py_ssize_t i, j, point
    cdef double key
    if n > MANY:
        for i in range(n // 2 - 1, -1, -1):
            sift_down(plane, directions, first, n, i, exact)
        for i in range(n - 1, 0, -1):
            key, point = directions.key[first + i], directions.point[first + i]
            directions.key[first + i], directions.point[first + i] = directions.key[first], directions.point[first]
            directions.key[first], directions.point[first] = key, point
            sift_down(plane, directions, first, i, 0, exact)
        return
    for i in range(first + 1, first + n):
        key, point, j = directions.key[i], directions.point[i], i
        while j > first and not precedes(plane, directions, j - 1, key, point, exact):
            directions.key[j], directions.point[j] = directions.key[j - 1], directions.point[j - 1]
            j -= 1
        directions.key[j], directions.point[j] = key, point


cdef void sort_about(const Plane *plane, Directions *directions) noexcept nogil:
    """Order all points but the pivot by the line through both, from the horizontal one on, turning left."""
    cdef Py_ssize_t n = plane.n, pivot = plane.pivot, i, j, m = n - 1, bin, first
    cdef double dx, dy, key, scale = 0.4999999 * m
    for i in range(m + 2):
        directions.bins[i] = 0
    for i in range(n):
        if i == pivot:
            continue
        dx, dy = plane.x[i] - plane.x[pivot], plane.y[i] - plane.y[pivot]
        directions.ahead[i] = dy > 0 or (dy == 0 and dx > 0)
        if not directions.ahead[i]:
            dx, dy = -dx, -dy
        key = -dx / (fabs(dx) + dy)
        directions.unsorted[i] = key
        directions.bins[<Py_ssize_t> ((key + 1.0) * scale) + 2] += 1
    for bin in range(3, m + 2):
        directions.bins[bin] += directions.bins[bin - 1]
    for i in range(n):
        if i == pivot:
            continue
        key = directions.unsorted[i]
        bin = <Py_ssize_t> ((key + 1.0) * scale) + 1
        j = directions.bins[bin]
        directions.bins[bin] = j + 1
        directions.key[j], directions.point[j] = key, i
    first = 0
    for bin in range(1, m + 1):
        if directions.bins[bin] - first > 1:
            sort_places(plane, directions, first, directions.bins[bin] - first, False)
        first = directions.bins[bin]
    # Directions that keys cannot tell apart stand together now.
    first = 0
    for i in range(1, m + 1):
        if i == m or directions.key[i] - directions.key[i - 1] > NEAR:
            for j in range(first + 1, i):
                if exact_order(plane, directions, directions.point[j - 1], directions.point[j]) < 0:
                    sort_places(plane, directions, first, i - first, True)
                    break
            first = i


cdef inline bint same_line(const Plane *plane, const Directions *directions, Py_ssize_t i) noexcept nogil:
    # Whether the directions in places i and i + 1 of the order lie on one line through the pivot.
    return (
        fabs(directions.key[i + 1] - directions.key[i]) <= NEAR
        and exact_order(plane, directions, directions.point[i], directions.point[i + 1]) == 0
    )


def largest_half_planes(
    const double[::1] x, const double[::1] y, const long long[::1] values, const Py_ssize_t[::1] pivots,
    long long[::1] values_out, Py_ssize_t[:, ::1] found_out, BlockQueue queue,
):
    """The largest |sum| over half-planes whose border passes a pivot of the block, the pivot in or out.

    Points are distinct. values_out[block] is the signed sum; found_out[block] says the pivot, how many of the other
    points, in the order of their directions, the line has passed, whether the half-plane is the one to the right of
    the line and whether the pivot is in. The pivot is -1 where no half-plane differs from 0.
    """
    cdef Py_ssize_t n = x.shape[0], m = n - 1, i, k, pivot, point, most_at, least_at, side, with_pivot, at
    cdef long long total = 0, left, most, least, candidate, best
    cdef Py_ssize_t start, stop, block
    cdef Directions directions
    cdef Plane plane
    if not allocate(&directions, n):
        release(&directions)
        raise MemoryError(f"no memory for the directions of {n} points")
    plane.x, plane.y, plane.n = &x[0], &y[0], n
    with nogil:
        for i in range(n):
            total += values[i]
        while queue.next_rows(PIVOTS_IN_BLOCK, pivots.shape[0], &start, &stop):
            block = start // PIVOTS_IN_BLOCK
            best = 0
            found_out[block, 0] = -1
            for k in range(start, stop):
                if n > 4096 and queue.must_stop():
                    break
                plane.pivot = pivot = pivots[k]
                sort_about(&plane, &directions)
                left = 0
                for i in range(n):
                    if i != pivot and directions.ahead[i]:
                        left += values[i]
                most = least = left
                most_at = least_at = 0
                for i in range(m):
                    point = directions.point[i]
                    left += -values[point] if directions.ahead[point] else values[point]
                    if (left > most or left < least) and not (i + 1 < m and same_line(&plane, &directions, i)):
                        if left > most:
                            most, most_at = left, i + 1
                        else:
                            least, least_at = left, i + 1
                for side in range(2):
                    for with_pivot in range(2):
                        for at in range(2):
                            left = least if at else most
                            candidate = total - values[pivot] - left if side else left
                            if with_pivot:
                                candidate += values[pivot]
                            if (candidate if candidate > 0 else -candidate) > (best if best > 0 else -best):
                                best = candidate
                                found_out[block, 0] = pivot
                                found_out[block, 1] = least_at if at else most_at
                                found_out[block, 2], found_out[block, 3] = side, with_pivot
            values_out[block] = best
    release(&directions)


def directions_about(
    const double[::1] x, const double[::1] y, Py_ssize_t pivot, Py_ssize_t[::1] order_out, unsigned char[::1] ahead_out,
):
    """The points other than the pivot in the order of their directions, and whether each point lies ahead."""
    cdef Py_ssize_t n = x.shape[0], i
    cdef Directions directions
    cdef Plane plane
    if not allocate(&directions, n):
        release(&directions)
        raise MemoryError(f"no memory for the directions of {n} points")
    plane.x, plane.y, plane.n, plane.pivot = &x[0], &y[0], n, pivot
    with nogil:
        sort_about(&plane, &directions)
        for i in range(n - 1):
            order_out[i] = directions.point[i]
        directions.ahead[pivot] = 0
        for i in range(n):
            ahead_out[i] = directions.ahead[i]
    release(&directions)
