/* The k best (squared distance, index) pairs seen so far, compared first by distance, then by index. */
#ifndef FD_NEIGHBOR_LISTS_H
#define FD_NEIGHBOR_LISTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FD_LONGEST_SORTED_LIST 48 /* beyond, a heap: shifting a longer list costs more than sifting */

static inline int fd_precedes(double a, int64_t i, double b, int64_t j) { return a < b || (a == b && i < j); }

/* The next greater double of a non-negative one; infinity stays. */
static inline double fd_next_up(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    bits += bits != UINT64_C(0x7ff0000000000000);
    memcpy(&x, &bits, 8);
    return x;
}

static inline double fd_worst_squared(const double *squared, ptrdiff_t k) {
    return squared[k <= FD_LONGEST_SORTED_LIST ? k - 1 : 0];
}
static inline int64_t fd_worst_index(const int64_t *indices, ptrdiff_t k) {
    return indices[k <= FD_LONGEST_SORTED_LIST ? k - 1 : 0];
}

/* Puts a pair where the heap has a hole at `hole`, the heap being `size` long. */
static inline void fd_sift_down(double *squared, int64_t *indices, ptrdiff_t hole, ptrdiff_t size, double a, int64_t i) {
    for (;;) {
        ptrdiff_t child = 2 * hole + 1;
        if (child >= size) break;
        if (child + 1 < size && fd_precedes(squared[child], indices[child], squared[child + 1], indices[child + 1]))
            child += 1;
        if (!fd_precedes(a, i, squared[child], indices[child])) break;
        squared[hole] = squared[child];
        indices[hole] = indices[child];
        hole = child;
    }
    squared[hole] = a;
    indices[hole] = i;
}

/* Whether the pair was among the k best; if so it replaces the worst. */
static inline int fd_offer(double *squared, int64_t *indices, ptrdiff_t k, double a, int64_t i) {
    ptrdiff_t j;
    if (!fd_precedes(a, i, fd_worst_squared(squared, k), fd_worst_index(indices, k))) return 0;
    if (k > FD_LONGEST_SORTED_LIST) {
        fd_sift_down(squared, indices, 0, k, a, i);
        return 1;
    }
    for (j = k - 1; j > 0 && fd_precedes(a, i, squared[j - 1], indices[j - 1]); j--) {
        squared[j] = squared[j - 1];
        indices[j] = indices[j - 1];
    }
    squared[j] = a;
    indices[j] = i;
    return 1;
}

/* Sorts pairs in place (heapsort: no recursion, no bad case). */
static inline void fd_sort_pairs(double *squared, int64_t *indices, ptrdiff_t n) {
    ptrdiff_t i, j;
    if (n <= 24) {
        for (i = 1; i < n; i++) {
            double a = squared[i];
            int64_t index = indices[i];
            for (j = i; j > 0 && fd_precedes(a, index, squared[j - 1], indices[j - 1]); j--) {
                squared[j] = squared[j - 1];
                indices[j] = indices[j - 1];
            }
            squared[j] = a;
            indices[j] = index;
        }
        return;
    }
    for (i = n / 2 - 1; i >= 0; i--) fd_sift_down(squared, indices, i, n, squared[i], indices[i]);
    for (i = n - 1; i > 0; i--) {
        double a = squared[i];
        int64_t index = indices[i];
        squared[i] = squared[0];
        indices[i] = indices[0];
        fd_sift_down(squared, indices, 0, i, a, index);
    }
}

/* From the form in which the k best are collected to increasing order. */
static inline void fd_finish_list(double *squared, int64_t *indices, ptrdiff_t k) {
    if (k > FD_LONGEST_SORTED_LIST) fd_sort_pairs(squared, indices, k);
}

#endif
