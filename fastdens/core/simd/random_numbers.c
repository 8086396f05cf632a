/* The tiles of random numbers, compiled for every instruction set. */
#include "random_numbers.h"

#define FD_TILES "random_numbers_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) {fd_uniforms_##set, fd_normals_##set, fd_by_matrix_##set}

const fd_random_number_tiles fd_random_number_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
