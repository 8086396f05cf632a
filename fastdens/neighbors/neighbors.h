/* Neighbours: a group of queries against one leaf, for every instruction set.
 *
 * A squared distance is the sum over features, first to last, of (x - q) * (x - q), each operation rounded by itself.
 * So it has the same bits on every instruction set and by every route, and, as rounding is monotone, the squared
 * distance to a box never exceeds that to a point in it: pruning by boxes is exact.
 */
#ifndef FD_NEIGHBORS_H
#define FD_NEIGHBORS_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_sets.h"

#define FD_GROUP 32         /* queries that go down the tree together */
#define FD_LEAF_MULTIPLE 16 /* leaves are padded to a multiple of this, with points at infinity */

struct fd_query_group {
    ptrdiff_t n_queries; /* at most FD_GROUP */
    ptrdiff_t n_features;
    double *rows;    /* [query][feature] */
    double *columns; /* [feature][FD_GROUP] */
    double *limits;  /* [FD_GROUP] a point is wanted where its squared distance is below; 0 for the padding */
    int64_t *own;    /* [query] index of the point to leave out, or -1 */
};

struct fd_leaf {
    const double *points;   /* [feature][stride] */
    const int64_t *indices; /* [stride] */
    ptrdiff_t n_points;
    ptrdiff_t stride;
    const double *box; /* lower corner, then upper corner; NULL: every query is concerned */
    int all_equal;     /* all points are the same; their indices are in increasing order */
};

/* The k best so far of each query of a group: in increasing order where k is small, else a heap, the worst first. */
struct fd_neighbor_lists {
    ptrdiff_t k;
    double *squared;  /* [query][k] */
    int64_t *indices; /* [query][k] */
};

/* Where the points within the radius go: the next free place of each query. */
struct fd_radius_lists {
    int64_t *next;    /* [query] */
    int64_t *indices; /* [n_found] */
    double *squared;  /* [n_found] */
};

struct fd_neighbor_tiles {
    double (*nearest)(const struct fd_query_group *, const struct fd_leaf *, const struct fd_neighbor_lists *);
    void (*count)(const struct fd_query_group *, const struct fd_leaf *, int64_t *counts_out);
    void (*collect)(const struct fd_query_group *, const struct fd_leaf *, const struct fd_radius_lists *);
};

extern const struct fd_neighbor_tiles fd_neighbors_tiles[FD_N_INSTRUCTION_SETS];

#endif
