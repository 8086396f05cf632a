/* The tiles of the integrated kernels, compiled for every instruction set. */
#include "integrated_sums.h"

#define FD_TILES "integrated_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_ROW_RUN_SUM(kernel, slope, tail, set) FD_ENTRY_##tail(fd_integrated_run_##kernel##_##set)
#define FD_TABLE(set) {{FD_EACH_KERNEL(FD_ROW_RUN_SUM, set)}, fd_multiply_intervals_##set}

const fd_integrated_sum_tiles fd_integrated_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);

#define FD_TAIL_ENDS_HAS(kernel) {FD_TAIL_WHOLE_##kernel, FD_TAIL_ZERO_##kernel},
#define FD_TAIL_ENDS_NONE(kernel) {0.0, 0.0},
#define FD_ROW_TAIL_ENDS(kernel, slope, tail, ...) FD_TAIL_ENDS_##tail(kernel)

const fd_tail_ends fd_tail_ends_of[FD_N_KERNELS] = {FD_EACH_KERNEL(FD_ROW_TAIL_ENDS, )};
