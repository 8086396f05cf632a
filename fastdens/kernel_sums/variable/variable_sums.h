/* Tiles beside those of direct_sums.h: bandwidths of their own for points and queries, slopes, squares, sums of offsets.
 *
 * A slope is D(u) = -K'(u) / u, so that the gradient of K(|q - x| / h) at the query is D(u) (x - q) / h^2. Runs are
 * multiples of FD_STRIP_STEP points, and padding points have infinite coordinates, as there.
 */
#ifndef FD_VARIABLE_SUMS_H
#define FD_VARIABLE_SUMS_H

#include <stddef.h>

#include "instruction_sets.h"
#include "direct_sums.h"

typedef struct {
    /* strip *= factors */
    void (*multiply)(double *strip, ptrdiff_t n, const double *factors);
    double (*total)(const double *strip, ptrdiff_t n);
    /* Sum of w_i strip_i^2; weights may be NULL. */
    double (*squares)(const double *strip, ptrdiff_t n, const double *weights);
    /* Squared distances to D(u), in place; 0 at u = 0 where it is infinite. NULL for kernels without a slope. */
    void (*slopes[FD_N_KERNELS])(double *strip, ptrdiff_t n, const fd_bandwidth *bandwidth);
    /* Squared distances to 1 / u, in place; 0 at u = 0. */
    void (*reciprocals)(double *strip, ptrdiff_t n, double inverse);
    /* log2 of the weight where the squared distance is below the support, else -inf, in place; returns the largest. */
    double (*log2_inside)(double *strip, ptrdiff_t n, double support, const double *log2_weights);
    /* Terms to 2^(term - largest), in place. */
    void (*relative)(double *strip, ptrdiff_t n, double largest);
    /* sums[a] += sum of strip_i (points[a * n + i] - query[a]) over the points that are finite. */
    void (*offsets)(const double *points, ptrdiff_t n, ptrdiff_t n_features, const double *query, const double *strip,
                    double *sums);
} fd_variable_sum_tiles;

extern const fd_variable_sum_tiles fd_variable_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
