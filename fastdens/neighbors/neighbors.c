/* The tiles of neighbors.h on every instruction set. */
#include "neighbors.h"
#include "neighbor_lists.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static inline int fd_lowest_bit(uint64_t bits) {
    unsigned long place;
    _BitScanForward64(&place, bits);
    return (int)place;
}
#else
static inline int fd_lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }
#endif

/* By adding neighbouring fields: at most 16 bits are counted, and no instruction set has to have a popcount. */
static inline int fd_count_bits(unsigned bits) {
    bits = (bits & 0x5555u) + (bits >> 1 & 0x5555u);
    bits = (bits & 0x3333u) + (bits >> 2 & 0x3333u);
    bits = (bits & 0x0f0fu) + (bits >> 4 & 0x0f0fu);
    return (int)((bits & 0xffu) + (bits >> 8));
}

#define FD_TILES "neighbors_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) {nearest_##set, count_##set, collect_##set}
const struct fd_neighbor_tiles fd_neighbors_tiles[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
