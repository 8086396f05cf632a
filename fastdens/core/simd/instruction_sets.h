/* Which instruction sets exist, which this compiler can produce, and which this processor can run.
 *
 * To add one: a level here, a vector_NAME.h with the macros of vector_base.h, and a block in each_instruction_set.inc.
 */
#ifndef FD_INSTRUCTION_SETS_H
#define FD_INSTRUCTION_SETS_H

enum fd_instruction_set { FD_BASE = 0, FD_AVX2 = 1, FD_AVX512 = 2, FD_NEON = 3, FD_N_INSTRUCTION_SETS = 4 };

#if (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__))
#define FD_COMPILES_X86 1
#else
#define FD_COMPILES_X86 0
#endif
#if (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
#define FD_COMPILES_NEON 1
#else
#define FD_COMPILES_NEON 0
#endif

#define FD_TEXT_(x) #x
#define FD_TEXT(x) FD_TEXT_(x)
#if defined(__clang__)
#define FD_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define FD_COMPILER "gcc " __VERSION__
#elif defined(_MSC_VER)
#define FD_COMPILER "MSVC " FD_TEXT(_MSC_FULL_VER)
#else
#define FD_COMPILER "another compiler"
#endif

/* One table of tiles per instruction set; a set that this compiler cannot produce has an empty one. */
#if FD_COMPILES_X86
#define FD_TABLES(table) {table(base), table(avx2), table(avx512), {0}}
#elif FD_COMPILES_NEON
#define FD_TABLES(table) {table(base), {0}, {0}, table(neon)}
#else
#define FD_TABLES(table) {table(base), {0}, {0}, {0}}
#endif

static inline int fd_processor_runs(int level) {
    if (level == FD_BASE) return 1;
#if FD_COMPILES_X86
    __builtin_cpu_init();
    if (level == FD_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (level == FD_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#if FD_COMPILES_NEON
    if (level == FD_NEON) return 1; /* part of every aarch64 processor */
#endif
    return 0;
}

#endif
