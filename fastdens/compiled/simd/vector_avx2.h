/* The vector layer on AVX2 and FMA; vector_base.h says what each macro means. */
#ifndef FD_VECTOR_AVX2
#define FD_VECTOR_AVX2
static inline __m256d fd_sums_avx2(__m256d a, __m256d b, __m256d c, __m256d d) {
    const __m256d ab = _mm256_hadd_pd(a, b), cd = _mm256_hadd_pd(c, d);
    return _mm256_add_pd(_mm256_permute2f128_pd(ab, cd, 0x20), _mm256_permute2f128_pd(ab, cd, 0x31));
}
static inline double fd_sum_avx2(__m256d a) {
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}
static inline uint32_t fd_bits_avx2(__m256i a) {
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
}
#endif

#define vd __m256d
#define vd_mask __m256d
#define VD_LANES 4
#define VD_TILE 2
#define VD_STEPS 1
#define vd_load(p) _mm256_loadu_pd(p)
#define vd_store(p, a) _mm256_storeu_pd(p, a)
#define vd_set1(x) _mm256_set1_pd(x)
#define vd_zero() _mm256_setzero_pd()
#define vd_add(a, b) _mm256_add_pd(a, b)
#define vd_sub(a, b) _mm256_sub_pd(a, b)
#define vd_mul(a, b) _mm256_mul_pd(a, b)
#define vd_div(a, b) _mm256_div_pd(a, b)
#define vd_fma(a, b, c) _mm256_fmadd_pd(a, b, c)
#define vd_fnma(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define vd_max(a, b) _mm256_max_pd(a, b)
#define vd_min(a, b) _mm256_min_pd(a, b)
#define vd_sqrt(a) _mm256_sqrt_pd(a)
#define vd_abs(a) _mm256_andnot_pd(_mm256_set1_pd(-0.0), a)
#define vd_max_abs(a, b) _mm256_max_pd(a, _mm256_andnot_pd(_mm256_set1_pd(-0.0), b))
#define vd_lt(a, b) _mm256_cmp_pd(a, b, _CMP_LT_OQ)
#define vd_select(m, a, b) _mm256_blendv_pd(b, a, m)
#define vd_keep(m, a) _mm256_and_pd(m, a)
#define vd_mask_bits(m) ((unsigned)_mm256_movemask_pd(m))
#define vd_scale_exponent(p, r) \
    _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), _mm256_slli_epi64(_mm256_castpd_si256(r), 52)))
#define vd_scale_steps(p, r) vd_scale_exponent(p, r)
#define vd_exponent(a) \
    _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(a), 52)), \
                               _mm256_set1_pd(4503599627370496.0)), \
                  _mm256_set1_pd(4503599627371519.0)) /* 2^52 and 2^52 + 1023 */
#define vd_mantissa(a) \
    _mm256_or_pd(_mm256_and_pd(a, _mm256_castsi256_pd(_mm256_set1_epi64x(0xFFFFFFFFFFFFF))), _mm256_set1_pd(1.0))
#define vd_sum(a) fd_sum_avx2(a)
#define vd_hold(a) __asm__("" : "+x"(a))
#define vd_add_sums(p, a, b, c, d) _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), fd_sums_avx2(a, b, c, d)))

#define vu __m256i
#define vu_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define vu_store(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define vu_set1(x) _mm256_set1_epi64x((long long)(x))
#define vu_add(a, b) _mm256_add_epi64(a, b)
#define vu_xor(a, b) _mm256_xor_si256(a, b)
#define vu_or(a, b) _mm256_or_si256(a, b)
#define vu_left(a, n) _mm256_slli_epi64(a, n)
#define vu_right(a, n) _mm256_srli_epi64(a, n)
#define vd_of_bits(a) _mm256_castsi256_pd(a)
#define vu_of_bits(a) _mm256_castpd_si256(a)

#define vh __m256i
#define VH_LANES 16
#define vh_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define vh_store(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define vh_set1(x) _mm256_set1_epi16((short)(x))
#define vh_add(a, b) _mm256_add_epi16(a, b)
#define vh_min(a, b) _mm256_min_epi16(a, b)
#define vh_max(a, b) _mm256_max_epi16(a, b)
#define vh_count_less(n, a, b) _mm256_sub_epi16(n, _mm256_cmpgt_epi16(b, a))
#define vh_less_bits(a, b) fd_bits_avx2(_mm256_cmpgt_epi16(b, a))

#define vf __m256
#define vf_mask __m256
#define VF_LANES 8
#define VF_TILE 2
#define VF_STEPS 1
#define vf_load(p) _mm256_loadu_ps(p)
#define vf_store(p, a) _mm256_storeu_ps(p, a)
#define vf_set1(x) _mm256_set1_ps(x)
#define vf_zero() _mm256_setzero_ps()
#define vf_add(a, b) _mm256_add_ps(a, b)
#define vf_sub(a, b) _mm256_sub_ps(a, b)
#define vf_mul(a, b) _mm256_mul_ps(a, b)
#define vf_div(a, b) _mm256_div_ps(a, b)
#define vf_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vf_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define vf_max(a, b) _mm256_max_ps(a, b)
#define vf_min(a, b) _mm256_min_ps(a, b)
#define vf_sqrt(a) _mm256_sqrt_ps(a)
#define vf_abs(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define vf_max_abs(a, b) _mm256_max_ps(a, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), b))
#define vf_lt(a, b) _mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define vf_select(m, a, b) _mm256_blendv_ps(b, a, m)
#define vf_keep(m, a) _mm256_and_ps(m, a)
#define vf_mask_bits(m) ((unsigned)_mm256_movemask_ps(m))
#define vf_scale_exponent(p, r) \
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(r), 23)))
#define vf_scale_steps(p, r) vf_scale_exponent(p, r)
