/* The two things that a queue of blocks needs from C: an atomic counter and a clock. */
#ifndef FD_BLOCKS_H
#define FD_BLOCKS_H

#include <time.h>

#if defined(_MSC_VER)
#include <intrin.h>
static inline long long fd_fetch_increment(volatile long long *counter) {
    return _InterlockedExchangeAdd64(counter, 1);
}
static inline long long fd_atomic_load(volatile long long *value) { return _InterlockedExchangeAdd64(value, 0); }
static inline void fd_atomic_store(volatile long long *value, long long to) { _InterlockedExchange64(value, to); }
#else
static inline long long fd_fetch_increment(volatile long long *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
static inline long long fd_atomic_load(volatile long long *value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
static inline void fd_atomic_store(volatile long long *value, long long to) {
    __atomic_store_n(value, to, __ATOMIC_RELEASE);
}
#endif

static inline double fd_seconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
