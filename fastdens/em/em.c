#include "em.h"

#define FD_TILES "em_tiles.inc"
#include "each_instruction_set.inc"

#define FD_EM_TABLE(set)                                                                                       \
    {                                                                                                          \
        square_full_##set, square_diag_##set, square_spherical_##set, whiten_##set, keep_largest_##set,        \
            normalise_##set, scatter_full_##set, scatter_diag_##set                                            \
    }

const struct fd_em_tiles fd_em_tiles[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_EM_TABLE);
