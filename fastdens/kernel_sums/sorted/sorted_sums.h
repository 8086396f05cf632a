/* Tiles of the sums over sorted points: a short run of neighbouring points, read where it lies. */
#ifndef FD_SORTED_SUMS_H
#define FD_SORTED_SUMS_H

#include <stddef.h>

#include "instruction_sets.h"
#include "direct_sums.h"

/* Points and weights can be read so far beyond the last run; the numbers there are finite and do not count. */
enum { FD_SORTED_MARGIN = 64 };

/* Sum of w_i K(|points_i - query|) over i < n, without i = skip (-1: none); weights may be NULL. */
typedef double fd_run_sum(const double *points, const double *weights, ptrdiff_t n, ptrdiff_t skip, double query,
                          const fd_bandwidth *bandwidth);

typedef struct {
    fd_run_sum *run_sum[FD_N_KERNELS];
} fd_sorted_sum_tiles;

extern const fd_sorted_sum_tiles fd_sorted_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
