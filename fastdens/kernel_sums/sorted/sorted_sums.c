/* The tiles of the sums over sorted points, compiled for every instruction set. */
#include "sorted_sums.h"

#define FD_TILES "sorted_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_ROW_RUN_SUM(kernel, slope, tail, set) fd_run_sum_##kernel##_##set,
#define FD_TABLE(set) {{FD_EACH_KERNEL(FD_ROW_RUN_SUM, set)}}

const fd_sorted_sum_tiles fd_sorted_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
