/* Distances to the neighbours of given ranks, without their indices: 8 queries, one to a lane, against 8 points.
 *
 * A packed tree has 8 points to a leaf and 8 nodes to a node of the level above, in one order: the children of node i
 * are 8 i ... 8 i + 7. Everything is padded to whole groups of 8, points with infinity, boxes with empty ones (from
 * infinity to -infinity), which are infinitely far from all.
 *
 * Squared distances are sums over the features, first to last, each operation rounded by itself, as in neighbors.h:
 * the same bits on every instruction set, and never below the squared distance to a box that holds the point.
 */
#ifndef FD_PACKED_TREE_H
#define FD_PACKED_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_sets.h"

#define FD_PACK 8           /* points of a leaf, nodes of a node, queries of a group */
#define FD_PACK_QUERIES 64  /* queries that look for near nodes together: those of 8 leaves */
#define FD_PACK_FEATURES 7  /* most features */
#define FD_PACK_RANK 16     /* highest rank */
#define FD_PACK_LEVELS 20
#define FD_COLUMN_PADDING 32 /* numbers behind a column that may be read */

struct fd_packed_tree {
    ptrdiff_t n_points;
    ptrdiff_t n_features;
    ptrdiff_t top;            /* the level of the root, whose children are boxes[top - 1]; leaves are level 0 */
    const double *points;     /* [leaf][feature][8] */
    const double *leaf_boxes; /* [leaf][lower, upper][feature] */
    const double *boxes[FD_PACK_LEVELS]; /* by level: [parent][lower, upper][feature][8] */
};

/* Room for lists of nodes: as many as the tree has on each level, padded, and 8 more. */
struct fd_packed_buffers {
    int32_t *outer;  /* nodes near the 64 queries, as many as there may be on any level above the leaves */
    int32_t *spare;  /* the same */
    int32_t *leaves; /* leaves near one group */
    double *gaps;    /* squared distances from the group to leaves */
};

/* How many of n > 8 points go to the left of a split: whole nodes of the largest level that has more than one. */
static inline ptrdiff_t fd_packed_left(ptrdiff_t n) {
    ptrdiff_t unit = FD_PACK;
    while (unit * FD_PACK < n) unit *= FD_PACK;
    return ((n + unit - 1) / unit + 1) / 2 * unit;
}

struct fd_packed_sample {
    const double *points; /* coordinate f of point i is points[i row_step + f feature_step] */
    ptrdiff_t n_features, row_step, feature_step;
};

/* Where a tree is written: as there, `boxes` of the lowest level or NULL, the parents' own boxes like the leaves', and
 * the points one by one in the order of the tree. */
struct fd_packed_leaves {
    double *points, *leaf_boxes, *boxes, *parents, *in_order;
};

/* Numbers of 16 bits in a row that is put in order: the coordinates, anything, and in the last two the place. */
static inline ptrdiff_t fd_packed_width(ptrdiff_t d) { return d <= 2 ? 4 : d <= 6 ? 8 : 16; }

struct fd_packed_tiles {
    /* Splits n rows at the median of the coordinate that spreads most, once, or until there are leaves; then point i of
     * the tree is that of row i. Rows come with zeros for coordinates. `column` is scratch, n numbers and
     * FD_COLUMN_PADDING. */
    void (*arrange)(const struct fd_packed_sample *sample, int16_t *rows, int16_t *column, ptrdiff_t n, int to_leaves);
    /* Fills in parents first ... last - 1 of leaves, from n rows in order. */
    void (*fill)(const struct fd_packed_sample *sample, const int16_t *rows, ptrdiff_t n, ptrdiff_t first,
                 ptrdiff_t last, const struct fd_packed_leaves *out);
    /* squared_out[8][k][8]: for each of the 8 leaves of queries, the k smallest squared distances of its 8 queries to
     * the points, ascending; returns k, at least `highest` and at most FD_PACK_RANK. Where queries and points are the
     * same tree, each query is left out for itself. Block b is the queries of leaves 8 b ... 8 b + 7. */
    ptrdiff_t (*nearest)(const struct fd_packed_tree *queries, const struct fd_packed_tree *points, ptrdiff_t block,
                         ptrdiff_t highest, const struct fd_packed_buffers *buffers, double *squared_out);
};

extern const struct fd_packed_tiles fd_packed_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
