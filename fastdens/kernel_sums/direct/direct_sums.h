/* Tiles of the kernel sums: one query against a run of points, in two steps over a strip that stays in the cache.
 *
 * First `distances` fills the strip with squared distances (other metrics only need another first step), then one of
 * the kernel steps turns it into kernel values and adds them up. Runs are multiples of FD_STRIP_STEP points; padding
 * points have infinite coordinates, which gives an infinite distance and a kernel value of zero (2^-1020 or 2^-120
 * for the Gaussian and exponential kernels: the clamp of their exponent).
 */
#ifndef FD_KERNEL_SUMS_H
#define FD_KERNEL_SUMS_H

#include <stddef.h>

#include "each_kernel.inc"
#include "instruction_sets.h"

enum { FD_STRIP_STEP = 64, FD_STRIP = 512, FD_SHARING = 4, FD_N_METRICS = 4 };

/* The lowest exponents of two that the kernels give: a power below it is the power of it, so that no denormal slows the
 * sum. */
enum { FD_LOWEST_DOUBLE = -1020, FD_LOWEST_FLOAT = -120 };

/* What the tables hold of each kernel. */
typedef struct {
    const char *name;
    int has_slope, has_tail;
} fd_kernel;

extern const fd_kernel fd_kernels[FD_N_KERNELS];

/* After the kernels, what takes the exponents that `group_exponents` gives: a power of two. */
#define FD_EACH_STRIP(row, ...) FD_EACH_KERNEL(row, __VA_ARGS__) row(power, NONE, NONE, __VA_ARGS__)

/* What a smoothing kernel needs of its bandwidth h. */
typedef struct {
    double exponent; /* log2(K) per squared distance (Gaussian) or distance (exponential) */
    double inverse;  /* 1 / h^2 */
    double support;  /* h^2 */
} fd_bandwidth;

#define FD_KERNEL_SUM_STEPS(real)                                                                                     \
    /* points[a * n + i] is feature a of point i; scales (one factor per feature) may be NULL */                       \
    void (*distances)(const real *points, ptrdiff_t n, ptrdiff_t n_features, const real *query, const real *scales,    \
                      real *strip_out);                                                                                \
    /* by metric: `distances` itself, Manhattan, Chebyshev, and great circles, whose points and query are latitude,      \
       longitude within [-pi, pi] and cosine of the latitude; squared, scales as above or NULL */                      \
    void (*by_metric[FD_N_METRICS])(const real *points, ptrdiff_t n, ptrdiff_t n_features, const real *query,          \
                                    const real *scales, real *strip_out);                                              \
    /* the same for FD_SHARING queries, into as many strips of n */                                                      \
    void (*group_distances)(const real *points, ptrdiff_t n, ptrdiff_t n_features, const real *queries,                \
                            const real *scales, real *strips_out);                                                     \
    /* x q - half_squares[i] - half_squares_of_queries[g], the exponents of 2 in a Gaussian kernel */                  \
    void (*group_exponents)(const real *points, ptrdiff_t n, ptrdiff_t n_features, const real *queries,                \
                            const real *half_squares, const real *half_squares_of_queries, real *strips_out);          \
    double (*sum[FD_N_KERNELS + 1])(const real *strip, ptrdiff_t n, const fd_bandwidth *bandwidth);                    \
    double (*weighted_sum[FD_N_KERNELS + 1])(const real *strip, ptrdiff_t n, const fd_bandwidth *bandwidth,            \
                                         const real *weights);                                                         \
    void (*values[FD_N_KERNELS + 1])(real *strip, ptrdiff_t n, const fd_bandwidth *bandwidth);                         \
    double (*dot)(const real *strip, const real *other, ptrdiff_t n);

typedef struct {
    FD_KERNEL_SUM_STEPS(double)
} fd_kernel_sum_steps_double;
typedef struct {
    FD_KERNEL_SUM_STEPS(float)
} fd_kernel_sum_steps_float;

typedef struct {
    fd_kernel_sum_steps_double on_double;
    fd_kernel_sum_steps_float on_float;
    /* For sums too small for a double: turns squared distances into log2 of the weighted terms, returns the largest. */
    double (*log2_terms)(double *strip, ptrdiff_t n, double exponent, int of_distance, const double *log2_weights);
    /* Sum of 2^(term - largest). */
    double (*sum_exp2)(const double *strip, ptrdiff_t n, double largest);
} fd_kernel_sum_tiles;

extern const fd_kernel_sum_tiles fd_kernel_sum_tiles_of[FD_N_INSTRUCTION_SETS];

#endif
