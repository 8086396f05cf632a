"""The queue of fixed blocks that the threads of one call share."""

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "blocks.h" nogil:
    long long fd_fetch_increment(long long *counter)
    long long fd_atomic_load(long long *value)
    void fd_atomic_store(long long *value, long long to)
    double fd_seconds()

cdef double SIGNAL_INTERVAL = 0.05  # seconds between two looks for Ctrl-C


cdef class BlockQueue:
    """Hands out the numbers 0 ... n_blocks - 1, each once, to any number of threads.

    The thread that made the queue also looks for signals between its blocks, so that a Ctrl-C
    stops all threads after the block each is in. Work must be cut into blocks of well under 0.1 s,
    or ask must_stop() inside them.
    """

    def __init__(self, long long n_blocks):
        self.n_blocks = n_blocks
        self.counter = 0
        self.stopped = 0
        self.caller = PyThread_get_thread_ident()
        self.next_check = 0.0
        self.interruption = None

    cdef bint next(self, long long *block) noexcept nogil:
        """Give this thread its next block; False when there is none or the work was stopped."""
        if fd_atomic_load(&self.counter) >= self.n_blocks:
            return False
        if PyThread_get_thread_ident() == self.caller:
            self.answer_signals()
        if fd_atomic_load(&self.stopped):
            return False
        block[0] = fd_fetch_increment(&self.counter)
        return block[0] < self.n_blocks

    cdef bint next_rows(self, Py_ssize_t per_block, Py_ssize_t n, Py_ssize_t *start, Py_ssize_t *stop) noexcept nogil:
        """The same for blocks of `per_block` of n rows: those from `start` to before `stop`."""
        cdef long long block
        if not self.next(&block):
            return False
        start[0] = block * per_block
        stop[0] = min(start[0] + per_block, n)
        return True

    cdef bint must_stop(self) noexcept nogil:
        """Whether to leave the block in hand: for loops inside a block that may run longer than 0.1 s."""
        if PyThread_get_thread_ident() == self.caller:
            self.answer_signals()
        return fd_atomic_load(&self.stopped) != 0

    cdef void answer_signals(self) noexcept nogil:
        cdef double now = fd_seconds()
        if self.next_check == 0.0:
            self.next_check = now + SIGNAL_INTERVAL
        elif now > self.next_check:
            self.next_check = now + SIGNAL_INTERVAL
            with gil:
                try:
                    PyErr_CheckSignals()
                except BaseException as interruption:
                    self.interruption = interruption
                    fd_atomic_store(&self.stopped, 1)

    def take(self):
        """The next block, or -1, for work in Python, such as a function of the user's called block by block."""
        cdef long long block
        return block if self.next(&block) else -1

    def stop(self):
        """Let every thread finish the block it is in and take no other."""
        fd_atomic_store(&self.stopped, 1)

    def raise_interruption(self):
        """Raise what a signal handler raised during the work, if anything."""
        if self.interruption is not None:
            interruption, self.interruption = self.interruption, None
            raise interruption
