#include "subsets.h"

#define FD_TILES "subsets_tiles.inc"
#include "each_instruction_set.inc"

#define FD_SUBSETS_TABLE(set) {subsets_largest_##set, subsets_largest_masked_##set, subsets_sums_##set}
const struct fd_subsets_tiles fd_subsets_tiles[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_SUBSETS_TABLE);
