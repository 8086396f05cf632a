/* Random numbers in FD_RANDOM_LANES streams side by side, so many on every instruction set: the same words everywhere. */
#ifndef FD_RANDOM_NUMBERS_H
#define FD_RANDOM_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_sets.h"

enum {
    FD_RANDOM_LANES = 8,
    FD_RANDOM_UNIT = 64,   /* numbers are made so many at a time */
    FD_MATRIX_PADDING = 8  /* rows of matrices are so padded with zeros */
};

typedef struct {
    /* n numbers (2 j + 1) / 2^53, uniform in (0, 1); n is a multiple of FD_RANDOM_UNIT. `state` is [4][FD_RANDOM_LANES]. */
    void (*uniforms)(uint64_t *state, ptrdiff_t n, double *numbers);
    /* n standard normal numbers, likewise. */
    void (*normals)(uint64_t *state, ptrdiff_t n, double *numbers);
    /* rows_i = mean of pick i + z_i times the upper triangular matrix of pick i, for i < n, in d dimensions, with rows of
     * matrices `width` apart. One matrix for all where matrix_step is 0. */
    void (*by_matrix)(const double *z, ptrdiff_t n, ptrdiff_t d, const ptrdiff_t *picks, const double *means,
                      const double *matrices, ptrdiff_t matrix_step, ptrdiff_t width, double *rows);
} fd_random_number_tiles;

extern const fd_random_number_tiles fd_random_number_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
