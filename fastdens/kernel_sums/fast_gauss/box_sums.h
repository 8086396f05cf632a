/* Tiles of the box-Chebyshev transform: moments of the points of one box, translations between boxes, evaluation.
 *
 * Inside a box a point has one coordinate in [-1, 1] per axis. An expansion in `d` dimensions with `p` terms an axis is
 * an array of p^(d-1) rows of FD_BOX_ROW(p) numbers, the first axis innermost; what pads a row is zero.
 */
#ifndef FD_BOX_SUMS_H
#define FD_BOX_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_sets.h"

enum { FD_BOX_MOST_TERMS = 24, FD_BOX_BATCH = 64 };
#define FD_BOX_ROW(p) (((p) + 7) / 8 * 8)

typedef struct {
    /* On a line: the box of each number, box c being [c width, (c + 1) width), less `lowest` (results from 0 to 2^31 - 1),
     * and the place in the box, in [-1, 1]. */
    void (*places)(const double *x, ptrdiff_t n, double width, double lowest, int32_t *boxes_out, double *local_out);
    /* Adds sum_i w_i T_k1(s_i1) ... T_kd(s_id) to moments; local[a * stride + i], weights may be NULL. */
    void (*moments)(const double *local, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t d, ptrdiff_t p, const double *weights,
                    double *scratch, double *moments);
    /* Adds A applied along one axis: to[o][i][q] += sum_j A[j][i] from[o][j][q]; `inner` numbers in q, 1 for the first
     * axis, whose rows are then `outer`; A has p rows of FD_BOX_ROW(p). */
    void (*translate)(const double *from, const double *A, ptrdiff_t outer, ptrdiff_t p, ptrdiff_t inner, double *to);
    /* The expansion at n points. */
    void (*evaluate)(const double *local, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t d, ptrdiff_t p,
                     const double *expansion, double *scratch, double *out);
} fd_box_sum_tiles;

/* Numbers of scratch that moments and evaluate need. */
#define FD_BOX_SCRATCH (3 * FD_BOX_BATCH * FD_BOX_MOST_TERMS)

extern const fd_box_sum_tiles fd_box_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
