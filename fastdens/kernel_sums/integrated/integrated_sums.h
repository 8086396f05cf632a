/* Tiles of the integrated kernels: what part of a kernel's mass lies below a query, or between two. */
#ifndef FD_INTEGRATED_SUMS_H
#define FD_INTEGRATED_SUMS_H

#include <stddef.h>

#include "instruction_sets.h"
#include "direct_sums.h"

/* Points and weights can be read so far beyond the last of a run; the numbers there are finite and do not count. */
enum { FD_INTEGRATED_MARGIN = 32 };

/* Sum over i < n of w_i times the mass of K((x - points_i) / h) below the query; weights may be NULL. */
typedef double fd_integrated_run(const double *points, const double *weights, ptrdiff_t n, double query,
                                 double inverse);

/* Distances in bandwidths: a point further than `whole` below a query counts whole, to the last digit; what lies beyond
 * `zero` above it does not count. */
typedef struct {
    double whole, zero;
} fd_tail_ends;

extern const fd_tail_ends fd_tail_ends_of[FD_N_KERNELS];

typedef struct {
    fd_integrated_run *run_sum[FD_N_KERNELS]; /* NULL for kernels without a tail */
    /* products_i *= mass of the Gaussian about points_i from low to high; n is a multiple of FD_INTEGRATED_MARGIN. */
    void (*multiply_intervals)(const double *points, ptrdiff_t n, double low, double high, double inverse,
                               double *products);
} fd_integrated_sum_tiles;

extern const fd_integrated_sum_tiles fd_integrated_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
