"""The kernel-sum tiles in use, for every module that sums kernels."""

cdef extern from "direct_sums.h" nogil:
    enum:
        FD_STRIP
        FD_STRIP_STEP
        FD_SHARING
        FD_N_KERNELS
        FD_LOWEST_DOUBLE
    ctypedef struct fd_kernel:
        const char *name
        int has_slope
        int has_tail
    const fd_kernel fd_kernels[]
    ctypedef struct fd_bandwidth:
        double exponent
        double inverse
        double support
    ctypedef struct fd_kernel_sum_steps_double:
        void (*distances)(
            const double *, Py_ssize_t, Py_ssize_t, const double *, const double *, double *
        ) noexcept nogil
        void (**by_metric)(
            const double *, Py_ssize_t, Py_ssize_t, const double *, const double *, double *
        ) noexcept nogil
        void (*group_distances)(
            const double *, Py_ssize_t, Py_ssize_t, const double *, const double *, double *
        ) noexcept nogil
        void (*group_exponents)(
            const double *, Py_ssize_t, Py_ssize_t, const double *, const double *, const double *, double *
        ) noexcept nogil
        double (**sum)(const double *, Py_ssize_t, const fd_bandwidth *) noexcept nogil
        double (**weighted_sum)(const double *, Py_ssize_t, const fd_bandwidth *, const double *) noexcept nogil
        void (**values)(double *, Py_ssize_t, const fd_bandwidth *) noexcept nogil
        double (*dot)(const double *, const double *, Py_ssize_t) noexcept nogil
    ctypedef struct fd_kernel_sum_steps_float:
        void (*distances)(
            const float *, Py_ssize_t, Py_ssize_t, const float *, const float *, float *
        ) noexcept nogil
        void (**by_metric)(
            const float *, Py_ssize_t, Py_ssize_t, const float *, const float *, float *
        ) noexcept nogil
        void (*group_distances)(
            const float *, Py_ssize_t, Py_ssize_t, const float *, const float *, float *
        ) noexcept nogil
        void (*group_exponents)(
            const float *, Py_ssize_t, Py_ssize_t, const float *, const float *, const float *, float *
        ) noexcept nogil
        double (**sum)(const float *, Py_ssize_t, const fd_bandwidth *) noexcept nogil
        double (**weighted_sum)(const float *, Py_ssize_t, const fd_bandwidth *, const float *) noexcept nogil
        void (**values)(float *, Py_ssize_t, const fd_bandwidth *) noexcept nogil
        double (*dot)(const float *, const float *, Py_ssize_t) noexcept nogil
    ctypedef struct fd_kernel_sum_tiles:
        fd_kernel_sum_steps_double on_double
        fd_kernel_sum_steps_float on_float
        double (*log2_terms)(double *, Py_ssize_t, double, int, const double *) noexcept nogil
        double (*sum_exp2)(const double *, Py_ssize_t, double) noexcept nogil
    const fd_kernel_sum_tiles fd_kernel_sum_tiles_of[]

cdef const fd_kernel_sum_tiles *tiles

cdef enum:
    STRIP_NUMBERS = 3072  # numbers of packed points that stay in the first-level cache with the rest of the work


cdef inline Py_ssize_t strip_length(Py_ssize_t n_features) noexcept nogil:
    """Points in a strip of packed points."""
    cdef Py_ssize_t length = STRIP_NUMBERS // n_features // FD_STRIP_STEP * FD_STRIP_STEP
    return min(max(length, FD_STRIP_STEP), FD_STRIP)
