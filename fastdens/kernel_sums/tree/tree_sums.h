/* Tiles of the kernel sums over a tree: a group of queries against a node's box, its moments, or its points.
 *
 * Queries come in groups of FD_TREE_QUERIES, feature by feature (queries[a * FD_TREE_QUERIES + j]) for what concerns a
 * node, one row per query for what concerns its points. `scales` (one factor per feature) may be NULL.
 */
#ifndef FD_TREE_SUMS_H
#define FD_TREE_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "direct_sums.h"

enum {
    FD_TREE_QUERIES = 32,
    FD_TREE_STEP = 32,    /* runs of points are multiples of this */
    FD_TREE_QUANTA = 4096, /* steps that distances are rounded down to */
    FD_TREE_NONE = 65535,
    FD_TREE_MOST_FEATURES = 8, /* of moments */
    FD_TREE_MOST_MOMENTS = 224
};

/* Where the moments of a node lie; with y = (x - centre) / h, c = |y|^2:
 * sums of w, w c, w c^2, w c^3; of w y; w c y; w c^2 y; w y y^T (a >= b, doubled off the diagonal); c times the same;
 * w y y y (a >= b >= k, times the number of orders). */
#define FD_TREE_PAIRS(d) ((d) * ((d) + 1) / 2)
#define FD_TREE_TRIPLES(d) ((d) * ((d) + 1) * ((d) + 2) / 6)
#define FD_TREE_MOMENTS(d, s) \
    ((s) == 0 ? 4 : (s) == 1 ? 4 + (d) : (s) == 2 ? 4 + 3 * (d) + FD_TREE_PAIRS(d) \
                                                  : 4 + 3 * (d) + 2 * FD_TREE_PAIRS(d) + FD_TREE_TRIPLES(d))

typedef struct {
    /* Squared distances from the queries to a box; returns the bits of those below their limit. */
    unsigned (*nearest)(const double *queries, ptrdiff_t d, const double *box, const double *scales,
                        const double *limits, double *squared_out);
    /* Squared distances to the box's furthest corner. */
    void (*furthest)(const double *queries, ptrdiff_t d, const double *box, const double *scales, double *squared_out);
    /* Places of (distances or) squared distances in units of 1 / factor above `bases`, rounded down and cut to
     * 0 ... FD_TREE_QUANTA - 1; FD_TREE_NONE for queries that are not in the mask. */
    void (*quantise)(const double *squared, unsigned mask, int of_distance, double factor, const double *bases,
                     uint16_t *quanta_out);
    /* Adds the moments of n points, with what the sums' rounding lost added to `lost`. */
    void (*moments)(const double *points, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t d, int s, const double *centre,
                    const double *factors, const double *weights, double *moments, double *lost);
    /* The sum of w (1 - |q - x|^2 / h^2)^s at the queries of the mask, and |q - centre|^2 / h^2. */
    void (*closed_form)(const double *queries, unsigned mask, ptrdiff_t d, int s, const double *centre,
                        const double *factors, const double *moments, double *squared_out, double *values_out);
    /* Weighted sums of K over n points at the listed rows of queries. */
    void (*sums[FD_N_KERNELS])(const double *points, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t d, const double *rows,
                               const int32_t *listed, ptrdiff_t n_listed, const double *scales,
                               const fd_bandwidth *bandwidth, const double *weights, double *sums_out);
} fd_tree_sum_tiles;

extern const fd_tree_sum_tiles fd_tree_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
