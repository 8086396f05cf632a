"""What the moments of sorted points and the sums over them share: forms of moments, quarter waves, exponentials."""

from libc.math cimport fabs

cdef enum:  # what a kernel is within its support: a power of 1 - u^2, 1 - u, cos(pi u / 2), or exp(-u) everywhere
    CONSTANT
    QUADRATIC
    QUARTIC
    SEXTIC
    LINEAR
    QUARTER_WAVES
    EXPONENTIALS


cdef class SortedRuns:
    cdef const double[::1] points
    cdef const double[::1] weights  # or None
    cdef const Py_ssize_t[::1] run_starts
    cdef const Py_ssize_t[::1] run_cells
    cdef const Py_ssize_t[::1] cell_runs
    cdef const double[::1] centres
    cdef const double[::1] halves
    cdef const double[:, ::1] before
    cdef const double[:, ::1] onward


cdef inline void quarter_wave(double v, double *cosine, double *sine) noexcept nogil:
    """cos and sin of pi v / 2 for |v| <= 3, from their Taylor series about the nearest multiple of a quarter turn."""
    cdef double a = fabs(v), shift = 0.0, z, c, s
    if a > 0.5:
        shift = 1.0 if a <= 1.5 else (2.0 if a <= 2.5 else 3.0)
    z = 1.5707963267948966 * (a - shift)
    s = z * z
    c = 1.0 + s * (-1.0 / 2 + s * (1.0 / 24 + s * (-1.0 / 720 + s * (1.0 / 40320 + s * (
        -1.0 / 3628800 + s * (1.0 / 479001600 + s * (-1.0 / 87178291200.0 + s * (1.0 / 20922789888000.0))))))))
    s = z * (1.0 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880 + s * (
        -1.0 / 39916800 + s * (1.0 / 6227020800.0 + s * (-1.0 / 1307674368000.0))))))))
    if shift == 0.0:
        cosine[0], sine[0] = c, s
    elif shift == 1.0:
        cosine[0], sine[0] = -s, c
    elif shift == 2.0:
        cosine[0], sine[0] = -c, -s
    else:
        cosine[0], sine[0] = s, -c
    if v < 0:
        sine[0] = -sine[0]


cdef inline void both_exponentials(double v, double *rising, double *falling) noexcept nogil:
    """exp(v) and exp(-v) for |v| < 0.6 from the Taylor series of the even and the odd part."""
    cdef double s = v * v, even, odd
    even = s * (1.0 / 2 + s * (1.0 / 24 + s * (1.0 / 720 + s * (1.0 / 40320 + s * (
        1.0 / 3628800 + s * (1.0 / 479001600 + s * (1.0 / 87178291200.0)))))))
    odd = v * (1.0 + s * (1.0 / 6 + s * (1.0 / 120 + s * (1.0 / 5040 + s * (1.0 / 362880 + s * (
        1.0 / 39916800 + s * (1.0 / 6227020800.0)))))))
    rising[0] = 1.0 + (even + odd)
    falling[0] = 1.0 + (even - odd)
