/* The grid-sum tiles, compiled for every instruction set. */
#include "grid_sums.h"

#define FD_TILES "grid_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) {fd_scatter_##set}

const fd_grid_sum_tiles fd_grid_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
