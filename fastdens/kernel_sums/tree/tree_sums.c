/* The tree-sum tiles, compiled for every instruction set. */
#include "tree_sums.h"

#define FD_TILES "tree_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set)                                                                                           \
    {                                                                                                           \
        fd_tree_nearest_##set, fd_tree_furthest_##set, fd_tree_quantise_##set, fd_tree_moments_##set,           \
            fd_tree_closed_form_##set, {FD_EACH_KERNEL(FD_ROW_TREE, set)}                                        \
    }
#define FD_ROW_TREE(kernel, slope, tail, set) fd_tree_sums_##kernel##_##set,

const fd_tree_sum_tiles fd_tree_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
