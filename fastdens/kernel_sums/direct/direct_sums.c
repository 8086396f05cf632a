/* The kernel-sum tiles, compiled for every instruction set. */
#include "direct_sums.h"

#define FD_TILES "direct_sums_tiles.inc"
#include "each_instruction_set.inc"

#define FD_TABLE(set) \
    { FD_KERNEL_SUM_STEPS_OF(set, double), FD_KERNEL_SUM_STEPS_OF(set, float), fd_log2_terms_##set, fd_sum_exp2_##set }
#define FD_KERNEL_SUM_STEPS_OF(set, real)                                                                   \
    {                                                                                                       \
        fd_distances_##real##_##set,                                                                        \
            {fd_distances_##real##_##set, fd_manhattan_##real##_##set, fd_chebyshev_##real##_##set,         \
             fd_haversine_##real##_##set},                                                                  \
            fd_group_distances_##real##_##set, fd_group_exponents_##real##_##set,                           \
            {FD_EACH_STRIP(FD_ROW_SUM, real, set)}, {FD_EACH_STRIP(FD_ROW_WEIGHTED_SUM, real, set)},        \
            {FD_EACH_STRIP(FD_ROW_VALUES, real, set)}, fd_dot_##real##_##set                                \
    }
#define FD_ROW_SUM(kernel, slope, tail, real, set) fd_sum_##kernel##_##real##_##set,
#define FD_ROW_WEIGHTED_SUM(kernel, slope, tail, real, set) fd_weighted_sum_##kernel##_##real##_##set,
#define FD_ROW_VALUES(kernel, slope, tail, real, set) fd_values_##kernel##_##real##_##set,

const fd_kernel_sum_tiles fd_kernel_sum_tiles_of[FD_N_INSTRUCTION_SETS] = FD_TABLES(FD_TABLE);

#define FD_ROW_KERNEL(kernel, slope, tail, ...) {#kernel, FD_FLAG_##slope, FD_FLAG_##tail},

const fd_kernel fd_kernels[FD_N_KERNELS] = {FD_EACH_KERNEL(FD_ROW_KERNEL, )};
