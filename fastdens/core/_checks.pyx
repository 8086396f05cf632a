"""Checks of whole arrays that would cost NumPy a temporary and several microseconds."""

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

# Numbers that are looked at between two looks for Ctrl-C: some 10 ms of them.
cdef enum:
    NUMBERS_IN_PIECE = 1 << 24

ctypedef fused floating:
    float
    double

cdef Py_ssize_t find(const floating *x, Py_ssize_t n) except -2:
    """Flat index of the first number that is not finite, or -1."""
    cdef Py_ssize_t start = 0, found = -1
    while True:
        with nogil:
            found = first_non_finite(x + start, min(n - start, NUMBERS_IN_PIECE))
        if found >= 0:
            return start + found
        start += NUMBERS_IN_PIECE
        if start >= n:
            return -1
        PyErr_CheckSignals()


cdef Py_ssize_t first_non_finite(const floating *x, Py_ssize_t n) noexcept nogil:
    # x * 0 is 0 for every finite x and NaN for the others, and sums vectorise; only a bad sum needs a second look.
    cdef Py_ssize_t i
    cdef floating s0 = 0, s1 = 0, s2 = 0, s3 = 0
    for i in range(0, n - 3, 4):
        s0 += x[i] * 0
        s1 += x[i + 1] * 0
        s2 += x[i + 2] * 0
        s3 += x[i + 3] * 0
    for i in range(n - n % 4, n):
        s0 += x[i] * 0
    if s0 + s1 + s2 + s3 == 0:
        return -1
    for i in range(n):
        if not (x[i] * 0 == 0):
            return i
    return -1


def find_non_finite(const double[:, ::1] X):
    """Flat index of the first NaN or infinity in a C-contiguous matrix, or -1."""
    cdef Py_ssize_t n = X.shape[0] * X.shape[1]
    return -1 if n == 0 else find(&X[0, 0], n)


def find_non_finite_float(const float[:, ::1] X):
    """`find_non_finite` in single precision; a function of its own, as choosing by type costs half a microsecond."""
    cdef Py_ssize_t n = X.shape[0] * X.shape[1]
    return -1 if n == 0 else find(&X[0, 0], n)
