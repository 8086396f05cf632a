/* Moments of univariate points, added to the cells of a table in the order in which the points come.
 *
 * Cell c is the interval [(c - 1/2) width, (c + 1/2) width], in which a point has a coordinate s in [-1, 1]. Its row holds
 * the sums of w v_k(s), where v_k is the product of those of T_1, T_2, T_4, T_8 whose bit is set in k: a basis of all
 * polynomials of degree below 16 that needs few operations and stays within [-1, 1].
 */
#ifndef FD_GRID_SUMS_H
#define FD_GRID_SUMS_H

#include <stddef.h>

#include "instruction_sets.h"

enum { FD_GRID_TERMS = 16 };

typedef struct {
    /* Row c - low + 1 of the table belongs to cell c; points of cells below `low` and above `high` go to the first and
     * to the last row, which then hold nothing of use. `weights` may be NULL. */
    void (*scatter)(const double *x, const double *weights, ptrdiff_t n, double width, double low, double high,
                    double *table);
} fd_grid_sum_tiles;

extern const fd_grid_sum_tiles fd_grid_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
