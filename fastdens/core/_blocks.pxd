cdef class BlockQueue:
    cdef readonly long long n_blocks
    cdef long long counter
    cdef long long stopped
    cdef unsigned long caller
    cdef double next_check
    cdef object interruption

    cdef long long next(self) noexcept nogil
    cdef bint must_stop(self) noexcept nogil
    cdef void answer_signals(self) noexcept nogil
