cdef class BlockQueue:
    cdef readonly long long n_blocks
    cdef long long counter
    cdef long long stopped
    cdef unsigned long caller
    cdef double next_check
    cdef object interruption

    cdef bint next(self, long long *block) noexcept nogil
    cdef bint next_rows(self, Py_ssize_t per_block, Py_ssize_t n, Py_ssize_t *start, Py_ssize_t *stop) noexcept nogil
    cdef bint must_stop(self) noexcept nogil
    cdef void answer_signals(self) noexcept nogil
