/* The tiles of packed_tree.h on every instruction set. */
#include "packed_tree.h"

/* Of the squared distance that is wanted: leaves that near come first, so that less is wanted of the others. */
#define FD_VERY_NEAR 0.1
#define FD_FIRST_LEAVES 4  /* looked at whole, a power of two up to FD_PACK */
#define FD_CHUNK 64        /* leaves whose pairs with queries wait together */
#define FD_ROOM 80         /* of a query for what is found */
#define FD_FILLED 16       /* of it behind what is found */
#define FD_FEW_ROWS 64     /* sorted by counting */
#define FD_COARSE 64       /* rows are told apart anew where they spread over fewer numbers */
#define FD_MANY_TIED 8     /* or where one in so many has the number of the median */
#define FD_NO_SPREAD 0x1p-900 /* less of it counts as none: its reciprocal may overflow */
#define FD_OFFSETS 128      /* numbers of a column that are looked at before rows are exchanged */
#define FD_PACK_DEEPEST 64 /* of the stack of rows to be split */

#if defined(__GNUC__) || defined(__clang__)
#define fd_prefetch(p) __builtin_prefetch(p)
static inline __attribute__((always_inline)) int fd_count_bits(uint32_t bits) { return __builtin_popcount(bits); }
#else
#define fd_prefetch(p) (void)(p)
static inline int fd_count_bits(uint32_t bits) { /* by adding neighbouring fields */
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0fu;
    return (int)(bits * 0x01010101u >> 24);
}
#endif

/* Which of four bits are set, a byte each, first to last. */
static const uint8_t fd_places_of_bits[16][4] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0},
    {2, 0, 0, 0}, {0, 2, 0, 0}, {1, 2, 0, 0}, {0, 1, 2, 0},
    {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0},
    {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};

#define FD_TILES "packed_tree_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) {arrange_##set, fill_##set, nearest_##set}
const struct fd_packed_tiles fd_packed_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);
