/* Tiles of the enumeration of subsets: sums over all pairs of one "high" and one "low" partial sum. */
#ifndef FD_SUBSETS_H
#define FD_SUBSETS_H

#include <stddef.h>

#include "instruction_sets.h"

/* Tables of low sums have a multiple of this many entries. */
#define FD_SUBSETS_LOW_MULTIPLE 64

struct fd_subsets_tiles {
    /* The largest |high[k] + low[j]|, every pair added and compared. */
    double (*largest)(const double *low, ptrdiff_t n_low, const double *high, ptrdiff_t n_high);
    /* The largest |values[j] * mask[j]|, for masks of zeros and ones. */
    double (*largest_masked)(const double *values, const double *mask, ptrdiff_t n);
    /* out[j] = (high + high_tail) + (low[j] + low_tail[j]) in doubled precision, rounded to a double at the end. */
    void (*sums)(const double *low, const double *low_tail, ptrdiff_t n_low, double high, double high_tail, double *out);
};

extern const struct fd_subsets_tiles fd_subsets_tiles[FD_N_INSTRUCTION_SETS];

#endif
