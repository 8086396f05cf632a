/* The tiles of sums with bandwidths per point, compiled for every instruction set. */
#include "variable_sums.h"

#define FD_TILES "variable_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_ROW_SLOPES(kernel, slope, tail, set) FD_ENTRY_##slope(fd_slopes_##kernel##_##set)
#define FD_TABLE(set)                                                                                             \
    {                                                                                                             \
        fd_multiply_##set, fd_strip_total_##set, fd_squares_##set, {FD_EACH_KERNEL(FD_ROW_SLOPES, set)},          \
            fd_reciprocals_##set, fd_log2_inside_##set, fd_relative_##set, fd_offsets_##set                       \
    }

const fd_variable_sum_tiles fd_variable_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
