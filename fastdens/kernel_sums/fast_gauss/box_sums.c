/* The box-transform tiles, compiled for every instruction set. */
#include "box_sums.h"

#define FD_TILES "box_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) {fd_box_places_##set, fd_box_moments_##set, fd_box_translate_##set, fd_box_evaluate_##set}

const fd_box_sum_tiles fd_box_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
