/* Every tile of every instruction set that this processor runs, against plain C: prints a line per set, exits with 1
 * where one is wrong. For processors that the Python tests do not reach (`.ci/run` runs it for aarch64 in an emulator).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box_sums.h"
#include "em.h"
#include "direct_sums.h"
#include "neighbors.h"
#include "subsets.h"

static int n_wrong = 0;
static const char *set_name = "";

static void expect(int right, const char *what, double got, double wanted) {
    if (right) return;
    n_wrong++;
    printf("%s: %s: got %.17g, wanted %.17g\n", set_name, what, got, wanted);
}

static void expect_close(const char *what, double got, double wanted, double tolerance) {
    const double scale = fmax(fabs(wanted), 1e-300);
    expect(got == wanted || fabs(got - wanted) <= tolerance * scale, what, got, wanted);
}

static uint64_t state = 20261123;
static double uniform(void) { /* in [0, 1) */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

/* --- kernel sums ------------------------------------------------------------------------------------------------- */

#define NAME_OF(kernel, ...) #kernel,
static const char *kernel_names[] = {FD_EACH_KERNEL(NAME_OF, )};

static double kernel_value(const char *name, double u) {
    if (!strcmp(name, "gaussian")) return exp(-u * u / 2);
    if (!strcmp(name, "exponential")) return exp(-u);
    if (u >= 1) return 0;
    if (!strcmp(name, "tophat")) return 1;
    if (!strcmp(name, "epanechnikov")) return 1 - u * u;
    if (!strcmp(name, "linear")) return 1 - u;
    if (!strcmp(name, "cosine")) return cos(acos(-1.0) / 2 * u);
    if (!strcmp(name, "biweight")) return pow(1 - u * u, 2);
    if (!strcmp(name, "triweight")) return pow(1 - u * u, 3);
    return NAN; /* not known here: its sums are compared with its own values */
}

static const fd_bandwidth unit_bandwidth = {-1, 1, 1};

#define CHECK_KERNEL_SUMS(real, tolerance)                                                                             \
    static void check_kernel_sums_##real(const fd_kernel_sum_steps_##real *steps) {                                    \
        enum { N = 3 * FD_STRIP_STEP, D = 3 };                                                                         \
        static real points[D * N], strip[N], copy[N], weights[N];                                                      \
        real query[D], scales[D];                                                                                      \
        for (int i = 0; i < D * N; i++) points[i] = (real)(2 * uniform() - 1);                                         \
        for (int i = 0; i < N; i++) weights[i] = (real)uniform();                                                      \
        for (int a = 0; a < D; a++) query[a] = (real)uniform(), scales[a] = (real)(0.5 + uniform());                   \
        for (int scaled = 0; scaled < 2; scaled++) {                                                                   \
            steps->distances(points, N, D, query, scaled ? scales : NULL, strip);                                      \
            for (int i = 0; i < N; i++) {                                                                              \
                double wanted = 0;                                                                                     \
                for (int a = 0; a < D; a++) {                                                                          \
                    const double difference = (double)points[a * N + i] - (double)query[a];                            \
                    wanted += pow(difference * (scaled ? (double)scales[a] : 1), 2);                                   \
                }                                                                                                      \
                expect_close("distances " #real, strip[i], wanted, 8 * tolerance);                                     \
            }                                                                                                          \
        }                                                                                                              \
        static real group[FD_SHARING * N];                                                                             \
        real queries[FD_SHARING * D], half_squares[N], halves[FD_SHARING];                                             \
        for (int a = 0; a < FD_SHARING * D; a++) queries[a] = (real)uniform();                                         \
        for (int i = 0; i < N; i++) half_squares[i] = (real)uniform();                                                 \
        for (int g = 0; g < FD_SHARING; g++) halves[g] = (real)uniform();                                              \
        for (int scaled = 0; scaled < 2; scaled++) {                                                                   \
            steps->group_distances(points, N, D, queries, scaled ? scales : NULL, group);                              \
            for (int g = 0; g < FD_SHARING; g++) {                                                                     \
                steps->distances(points, N, D, queries + g * D, scaled ? scales : NULL, copy);                         \
                for (int i = 0; i < N; i++) expect_close("group " #real, group[g * N + i], copy[i], 8 * tolerance);    \
            }                                                                                                          \
        }                                                                                                              \
        steps->group_exponents(points, N, D, queries, half_squares, halves, group);                                    \
        for (int g = 0; g < FD_SHARING; g++)                                                                           \
            for (int i = 0; i < N; i++) {                                                                              \
                double wanted = -(double)half_squares[i] - halves[g];                                                  \
                for (int a = 0; a < D; a++) wanted += (double)points[a * N + i] * queries[g * D + a];                  \
                expect(fabs(group[g * N + i] - wanted) <= 16 * tolerance, "exponent " #real, group[g * N + i], wanted); \
                copy[i] = -fabs(group[g * N + i]);                                                                     \
            }                                                                                                          \
        steps->values[FD_N_KERNELS](copy, N, &unit_bandwidth);                                                         \
        for (int i = 0; i < N; i++)                                                                                    \
            expect_close("power " #real, copy[i], exp2(-fabs((double)group[(FD_SHARING - 1) * N + i])), 8 * tolerance);\
        double dot = 0;                                                                                                \
        for (int i = 0; i < N; i++) dot += (double)strip[i] * weights[i];                                              \
        expect_close("dot " #real, steps->dot(strip, weights, N), dot, 32 * tolerance);                                \
        for (int k = 0; k < FD_N_KERNELS; k++) {                                                                       \
            const double h = 1.1, log2e = 1 / log(2.0);                                                                \
            const int of_distance = !strcmp(kernel_names[k], "exponential");                                           \
            const fd_bandwidth bandwidth = {of_distance ? -log2e / h : -log2e / (2 * h * h), 1 / (h * h), h * h};      \
            double sum = 0, weighted = 0;                                                                              \
            memcpy(copy, strip, sizeof(strip));                                                                        \
            steps->values[k](copy, N, &bandwidth);                                                                     \
            for (int i = 0; i < N; i++) {                                                                              \
                double wanted = kernel_value(kernel_names[k], sqrt((double)strip[i]) / h);                             \
                if (isnan(wanted)) wanted = copy[i];                                                                   \
                expect(fabs(copy[i] - wanted) <= 8 * tolerance, kernel_names[k], copy[i], wanted);                     \
                sum += copy[i], weighted += (double)copy[i] * weights[i];                                              \
            }                                                                                                          \
            expect_close("sum " #real, steps->sum[k](strip, N, &bandwidth), sum, 32 * tolerance);                      \
            expect_close("weighted sum " #real, steps->weighted_sum[k](strip, N, &bandwidth, weights), weighted,       \
                         32 * tolerance);                                                                              \
        }                                                                                                              \
    }
CHECK_KERNEL_SUMS(double, 2.3e-16)
CHECK_KERNEL_SUMS(float, 1.2e-7)

static void check_logarithms(const fd_kernel_sum_tiles *tiles) {
    enum { N = 2 * FD_STRIP_STEP };
    static double squared[N], terms[N], log2_weights[N];
    for (int i = 0; i < N; i++) squared[i] = 1e6 * (1 + uniform()), log2_weights[i] = -10 * uniform();
    for (int of_distance = 0; of_distance < 2; of_distance++) {
        double largest = -INFINITY, sum = 0;
        memcpy(terms, squared, sizeof(terms));
        const double got = tiles->log2_terms(terms, N, -0.7, of_distance, log2_weights);
        for (int i = 0; i < N; i++) {
            const double wanted = (of_distance ? sqrt(squared[i]) : squared[i]) * -0.7 + log2_weights[i];
            expect_close("log2 term", terms[i], wanted, 1e-15);
            largest = fmax(largest, terms[i]);
        }
        expect_close("largest log2 term", got, largest, 0);
        for (int i = 0; i < N; i++) sum += exp2(terms[i] - largest);
        expect_close("sum of exp2", tiles->sum_exp2(terms, N, largest), sum, 1e-14);
    }
}

/* --- subsets, neighbours, em: against the base set, whose own tests are the Python ones ---------------------------- */

static void check_subsets(const struct fd_subsets_tiles *tiles) {
    enum { LOW = 2 * FD_SUBSETS_LOW_MULTIPLE, HIGH = 5 };
    static double low[LOW], tail[LOW], mask[LOW], high[HIGH], out[LOW], wanted[LOW];
    for (int i = 0; i < LOW; i++) low[i] = uniform() - 0.5, tail[i] = 0x1p-55 * (uniform() - 0.5);
    for (int i = 0; i < HIGH; i++) high[i] = uniform() - 0.5;
    double largest = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < LOW; j++) largest = fmax(largest, fabs(high[k] + low[j]));
    expect_close("largest discrepancy", tiles->largest(low, LOW, high, HIGH), largest, 0);
    largest = 0;
    for (int j = 0; j < LOW; j++) {
        mask[j] = uniform() < 0.5;
        largest = fmax(largest, mask[j] * fabs(low[j]));
    }
    expect_close("largest allowed value", tiles->largest_masked(low, mask, LOW), largest, 0);
    tiles->sums(low, tail, LOW, 0.1, 0x1p-57, out);
    fd_subsets_tiles[FD_BASE].sums(low, tail, LOW, 0.1, 0x1p-57, wanted);
    for (int i = 0; i < LOW; i++) expect_close("doubled sum", out[i], wanted[i], 0);
}

static void check_neighbors(const struct fd_neighbor_tiles *tiles, ptrdiff_t k) {
    enum { D = 3, N = 2 * FD_LEAF_MULTIPLE };
    static double rows[FD_GROUP * D], columns[D * FD_GROUP], points[D * N], squared[FD_GROUP * 20];
    double limits[FD_GROUP];
    int64_t own[FD_GROUP], indices[N], found[FD_GROUP * 20], counts[FD_GROUP] = {0};
    for (int q = 0; q < FD_GROUP; q++) {
        own[q] = -1, limits[q] = INFINITY;
        for (int a = 0; a < D; a++) rows[q * D + a] = columns[a * FD_GROUP + q] = uniform();
    }
    for (int i = 0; i < N; i++) {
        indices[i] = i;
        for (int a = 0; a < D; a++) points[a * N + i] = i < N - 3 ? uniform() : INFINITY;
    }
    for (int i = 0; i < FD_GROUP * 20; i++) squared[i] = INFINITY, found[i] = -1;
    const struct fd_query_group group = {FD_GROUP, D, rows, columns, limits, own};
    const struct fd_leaf leaf = {points, indices, N - 3, N, NULL, 0};
    const struct fd_neighbor_lists lists = {k, squared, found};
    tiles->nearest(&group, &leaf, &lists);
    for (int q = 0; q < FD_GROUP; q++) {
        double worst = 0, wanted[N];
        for (int i = 0; i < N - 3; i++) {
            wanted[i] = 0;
            for (int a = 0; a < D; a++) {
                const double difference = points[a * N + i] - rows[q * D + a];
                wanted[i] += difference * difference;
            }
        }
        for (int j = 0; j < k; j++) {
            const int64_t i = found[q * k + j];
            expect(i >= 0 && i < N - 3, "index of a neighbour", (double)i, 0);
            if (i >= 0 && i < N - 3) expect_close("distance of a neighbour", squared[q * k + j], wanted[i], 0);
            worst = fmax(worst, squared[q * k + j]);
        }
        int n_nearer = 0;
        for (int i = 0; i < N - 3; i++) n_nearer += wanted[i] < worst;
        expect(n_nearer == k - 1, "how many are nearer than the last", n_nearer, (double)k - 1);
    }
    for (int q = 0; q < FD_GROUP; q++) limits[q] = 0.3;
    tiles->count(&group, &leaf, counts);
    for (int q = 0; q < FD_GROUP; q++) {
        int wanted = 0;
        for (int i = 0; i < N - 3; i++) {
            double distance = 0;
            for (int a = 0; a < D; a++) {
                const double difference = points[a * N + i] - rows[q * D + a];
                distance += difference * difference;
            }
            wanted += distance < 0.3;
        }
        expect(counts[q] == wanted, "count within a radius", (double)counts[q], wanted);
    }
}

static void check_em(const struct fd_em_tiles *tiles) {
    enum { D = 5, N = 4 * FD_EM_TILE_MULTIPLE, K = 3, SUMS = 8 * (D + 1) };
    static double x[D * N], factor[D * D], scratch[2 * (D + 1) * N], square[N], roots[K * N], halves[K * N];
    double mean[D], largest[N], component[N], weights[N], scale[N], log_likelihood[N], sums[SUMS], base_sums[SUMS];
    const struct fd_em_tiles *base = &fd_em_tiles[FD_BASE];
    for (int i = 0; i < D * N; i++) x[i] = 4 * uniform() - 2;
    for (int a = 0; a < D; a++) mean[a] = uniform();
    for (int i = 0; i < N; i++) weights[i] = 0.5 + uniform(), largest[i] = -INFINITY, component[i] = -1;
    for (int a = 0; a < D; a++)
        for (int b = 0; b < D; b++) factor[a * D + b] = b < a ? uniform() - 0.5 : b == a ? 0.5 + uniform() : 0;
    for (int i = 0; i < N; i++) {
        double full = 0, diag = 0, spherical = 0;
        for (int a = 0; a < D; a++) {
            double y = 0;
            const double difference = x[a * N + i] - mean[a];
            for (int b = 0; b <= a; b++) y += factor[a * D + b] * (x[b * N + i] - mean[b]);
            full += y * y, diag += pow(factor[a] * difference, 2), spherical += pow(factor[0] * difference, 2);
        }
        tiles->square_full(x, D, N, mean, factor, scratch, square);
        expect_close("square, full", square[i], full, 1e-13);
        tiles->square_diag(x, D, N, mean, factor, scratch, square);
        expect_close("square, diagonal", square[i], diag, 1e-13);
        tiles->square_spherical(x, D, N, mean, factor, scratch, square);
        expect_close("square, spherical", square[i], spherical, 1e-13);
    }
    for (int k = 0; k < K; k++) {
        for (int i = 0; i < N; i++) halves[k * N + i] = 20 * uniform();
        memcpy(roots + k * N, halves + k * N, N * sizeof(double));
        tiles->keep_largest(roots + k * N, -1.5, k, N, largest, component);
    }
    for (int i = 0; i < N; i++) {
        double most = -INFINITY;
        for (int k = 0; k < K; k++) {
            expect_close("half log-density", roots[k * N + i], -1.5 - halves[k * N + i], 0);
            most = fmax(most, roots[k * N + i]);
        }
        expect_close("largest half log-density", largest[i], most, 0);
        expect_close("its component", roots[(int)component[i] * N + i], most, 0);
    }
    memcpy(halves, roots, sizeof(roots));
    tiles->normalise(roots, K, N, -500, largest, weights, scale, log_likelihood);
    for (int i = 0; i < N; i++) {
        double total = 0;
        for (int k = 0; k < K; k++) total += exp2(2 * halves[k * N + i]);
        expect(fabs(log_likelihood[i] - log(total)) <= 1e-13, "log-likelihood", log_likelihood[i], log(total));
        for (int k = 0; k < K; k++)
            expect_close("responsibility", pow(roots[k * N + i] * scale[i], 2),
                         weights[i] * exp2(2 * halves[k * N + i]) / total, 1e-13);
    }
    memset(sums, 0, sizeof(sums)), memset(base_sums, 0, sizeof(base_sums));
    tiles->scatter_full(x, D, N, mean, roots, scale, scratch, sums);
    base->scatter_full(x, D, N, mean, roots, scale, scratch, base_sums);
    for (int i = 0; i < SUMS; i++) expect(fabs(sums[i] - base_sums[i]) <= 1e-12, "scatter, full", sums[i], base_sums[i]);
    memset(sums, 0, sizeof(sums)), memset(base_sums, 0, sizeof(base_sums));
    tiles->scatter_diag(x, D, N, mean, roots, scale, scratch, sums);
    for (int i = 0; i < N; i++) {
        const double r = pow(roots[i] * scale[i], 2);
        base_sums[0] += r;
        for (int a = 0; a < D; a++) {
            const double difference = x[a * N + i] - mean[a];
            base_sums[1 + a] += r * difference, base_sums[1 + D + a] += r * difference * difference;
        }
    }
    for (int i = 0; i < 1 + 2 * D; i++)
        expect(fabs(sums[i] - base_sums[i]) <= 1e-12, "scatter, diagonal", sums[i], base_sums[i]);
}

static void check_box_places(const fd_box_sum_tiles *tiles) {
    enum { N = 3 * FD_BOX_BATCH - 5 };
    static const double width = 0.703125, shifts[] = {0, 3e9, -3e9}; /* 45 / 64: edges are exact */
    static double x[N], local[N];
    static int32_t boxes[N];
    for (int s = 0; s < 3; s++) {
        const double lowest = floor((shifts[s] - 3) / width);
        for (int i = 0; i < N; i++) {
            x[i] = shifts[s] + 6 * uniform() - 3;
            if (i % 7 == 0) x[i] = floor(x[i] / width) * width; /* on an edge, or next to it */
            if (i % 14 == 0) x[i] = nextafter(x[i], i % 28 ? INFINITY : -INFINITY);
            if (x[i] < lowest * width) x[i] = lowest * width;
        }
        tiles->places(x, N, width, lowest, boxes, local);
        for (int i = 0; i < N; i++) {
            const double edge = (lowest + boxes[i]) * width;
            expect(edge <= x[i] && x[i] < edge + width, "box", boxes[i], x[i]);
            expect(fabs(local[i] - (2 * (x[i] - edge) / width - 1)) <= 1e-15, "place in the box", local[i], x[i]);
        }
    }
}

static void check_box_sums(const fd_box_sum_tiles *tiles, ptrdiff_t d, ptrdiff_t p) {
    enum { N = 2 * FD_BOX_BATCH, MOST = 24 * 24 * 24 };
    static double local[3 * N], weights[N], scratch[FD_BOX_SCRATCH], matrix[24 * 24];
    static double moments[MOST], wanted[MOST], moved[MOST], out[N];
    const ptrdiff_t row = FD_BOX_ROW(p), n = N - 3;
    ptrdiff_t rows = 1;
    for (int a = 1; a < d; a++) rows *= p;
    for (int i = 0; i < 3 * N; i++) local[i] = 2 * uniform() - 1;
    for (int i = 0; i < N; i++) weights[i] = i < n ? uniform() : 0;
    memset(moments, 0, sizeof(moments));
    tiles->moments(local, N, n, d, p, weights, scratch, moments);
    for (ptrdiff_t j = 0; j < rows * row; j++) { /* T_k(s) = cos(k arccos s), the first axis innermost */
        double sum = 0;
        for (ptrdiff_t i = 0; i < n && j % row < p; i++) {
            double term = weights[i] * cos((double)(j % row) * acos(local[i]));
            if (d > 1) term *= cos((double)(j / row % p) * acos(local[N + i]));
            if (d > 2) term *= cos((double)(j / row / p) * acos(local[2 * N + i]));
            sum += term;
        }
        expect(fabs(moments[j] - sum) <= 1e-11, "moment", moments[j], sum);
    }
    for (ptrdiff_t j = 0; j < p; j++)
        for (ptrdiff_t i = 0; i < row; i++) matrix[j * row + i] = i < p ? uniform() - 0.5 : 0;
    memset(moved, 0, sizeof(moved)), memset(wanted, 0, sizeof(wanted));
    tiles->translate(moments, matrix, rows, p, 1, moved);
    for (ptrdiff_t o = 0; o < rows; o++)
        for (ptrdiff_t j = 0; j < p; j++)
            for (ptrdiff_t i = 0; i < p; i++) wanted[o * row + i] += matrix[j * row + i] * moments[o * row + j];
    for (ptrdiff_t j = 0; j < rows * row; j++)
        expect(fabs(moved[j] - wanted[j]) <= 1e-11, "translation", moved[j], wanted[j]);
    tiles->evaluate(local, N, n, d, p, moments, scratch, out);
    for (ptrdiff_t i = 0; i < n; i++) {
        double sum = 0;
        for (ptrdiff_t j = 0; j < rows * row; j++) {
            double term = j % row < p ? moments[j] * cos((double)(j % row) * acos(local[i])) : 0;
            if (d > 1) term *= cos((double)(j / row % p) * acos(local[N + i]));
            if (d > 2) term *= cos((double)(j / row / p) * acos(local[2 * N + i]));
            sum += term;
        }
        expect(fabs(out[i] - sum) <= 1e-9, "expansion", out[i], sum);
    }
}

int main(void) {
    static const char *names[FD_N_INSTRUCTION_SETS] = {"base", "avx2", "avx512", "neon"};
    for (int level = 0; level < FD_N_INSTRUCTION_SETS; level++) {
        if (!fd_processor_runs(level)) continue;
        const int before = n_wrong;
        set_name = names[level];
        for (int round = 0; round < 10; round++) {
            check_kernel_sums_double(&fd_kernel_sum_tiles_of[level].on_double);
            check_kernel_sums_float(&fd_kernel_sum_tiles_of[level].on_float);
            check_logarithms(&fd_kernel_sum_tiles_of[level]);
            check_subsets(&fd_subsets_tiles[level]);
            check_neighbors(&fd_neighbors_tiles[level], 1);
            check_neighbors(&fd_neighbors_tiles[level], 20);
            check_em(&fd_em_tiles[level]);
        }
        check_box_places(&fd_box_sum_tiles_of[level]);
        for (int d = 1; d <= 3; d++) {
            check_box_sums(&fd_box_sum_tiles_of[level], d, 5);
            check_box_sums(&fd_box_sum_tiles_of[level], d, 16);
        }
        printf("%s: %s\n", set_name, n_wrong == before ? "all tiles agree" : "WRONG");
    }
    return n_wrong ? 1 : 0;
}
