/* The vector layer on AVX-512 (F, DQ, VL, BW); vector_base.h says what each macro means. */
#ifndef FD_VECTOR_AVX512
#define FD_VECTOR_AVX512
/* The bits of 2^(i / 16), less i << 48: added to k << 48 they give those of 2^(k / 16) for k = 16 j + i. */
static const uint64_t fd_sixteenths_avx512[16] = {
    0x3FF0000000000000, 0x3FEFB5586CF9890F, 0x3FEF72B83C7D517B, 0x3FEF387A6E756238,
    0x3FEF06FE0A31B715, 0x3FEEDEA64C123422, 0x3FEEBFDAD5362A27, 0x3FEEAB07DD485429,
    0x3FEEA09E667F3BCD, 0x3FEEA11473EB0187, 0x3FEEACE5422AA0DB, 0x3FEEC49182A3F090,
    0x3FEEE89F995AD3AD, 0x3FEF199BDD85529C, 0x3FEF5818DCFBA487, 0x3FEFA4AFA2A490DA};
static inline __m256d fd_halves_avx512(__m512d a) {
    return _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
}
static inline __m256d fd_sums_avx512(__m512d a, __m512d b, __m512d c, __m512d d) {
    const __m256d ab = _mm256_hadd_pd(fd_halves_avx512(a), fd_halves_avx512(b));
    const __m256d cd = _mm256_hadd_pd(fd_halves_avx512(c), fd_halves_avx512(d));
    return _mm256_add_pd(_mm256_permute2f128_pd(ab, cd, 0x20), _mm256_permute2f128_pd(ab, cd, 0x31));
}
static inline void fd_columns_avx512(__m512d *x, const double *p, ptrdiff_t n) {
    __m512d pairs[8], fours[8];
    int i;
    for (i = 0; i < 8; i += 2) { /* lane pairs of columns 0, 2, 4, 6 and of 1, 3, 5, 7 */
        const __m512d row = _mm512_loadu_pd(p + i * n), next = _mm512_loadu_pd(p + (i + 1) * n);
        pairs[i] = _mm512_unpacklo_pd(row, next);
        pairs[i + 1] = _mm512_unpackhi_pd(row, next);
    }
    for (i = 0; i < 8; i += 4) { /* rows 4 to 7 stand in the same places of the second four */
        fours[i] = _mm512_shuffle_f64x2(pairs[i], pairs[i + 2], 0x88);     /* columns 0, 4 */
        fours[i + 1] = _mm512_shuffle_f64x2(pairs[i + 1], pairs[i + 3], 0x88); /* 1, 5 */
        fours[i + 2] = _mm512_shuffle_f64x2(pairs[i], pairs[i + 2], 0xdd);     /* 2, 6 */
        fours[i + 3] = _mm512_shuffle_f64x2(pairs[i + 1], pairs[i + 3], 0xdd); /* 3, 7 */
    }
    for (i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);
        x[i + 4] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0xdd);
    }
}
#endif

#define vd __m512d
#define vd_mask __mmask8
#define VD_LANES 8
#define VD_TILE 4
#define VD_STEPS 16
#define vd_load(p) _mm512_loadu_pd(p)
#define vd_store(p, a) _mm512_storeu_pd(p, a)
#define vd_set1(x) _mm512_set1_pd(x)
#define vd_zero() _mm512_setzero_pd()
#define vd_add(a, b) _mm512_add_pd(a, b)
#define vd_sub(a, b) _mm512_sub_pd(a, b)
#define vd_mul(a, b) _mm512_mul_pd(a, b)
#define vd_div(a, b) _mm512_div_pd(a, b)
#define vd_fma(a, b, c) _mm512_fmadd_pd(a, b, c)
#define vd_fnma(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define vd_max(a, b) _mm512_max_pd(a, b)
#define vd_min(a, b) _mm512_min_pd(a, b)
#define vd_sqrt(a) _mm512_sqrt_pd(a)
#define vd_abs(a) _mm512_abs_pd(a)
#define vd_max_abs(a, b) _mm512_range_pd(a, b, 0x0b)
#define vd_lt(a, b) _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ)
#define vd_select(m, a, b) _mm512_mask_blend_pd(m, b, a)
#define vd_keep(m, a) _mm512_maskz_mov_pd(m, a)
#define vd_mask_bits(m) ((unsigned)(m))
#define vd_scale_exponent(p, r) \
    _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(p), _mm512_slli_epi64(_mm512_castpd_si512(r), 52)))
#define vd_scale_steps(p, r)                                                                                \
    _mm512_mul_pd(p, _mm512_castsi512_pd(_mm512_add_epi64(                                                  \
                         _mm512_slli_epi64(_mm512_castpd_si512(r), 48),                                     \
                         _mm512_permutex2var_epi64(_mm512_loadu_si512(fd_sixteenths_avx512), _mm512_castpd_si512(r), \
                                                   _mm512_loadu_si512(fd_sixteenths_avx512 + 8)))))
#define vd_exponent(a) _mm512_getexp_pd(a)
#define vd_mantissa(a) _mm512_getmant_pd(a, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)
#define vd_sum(a) _mm512_reduce_add_pd(a)
#define vd_hold(a) __asm__("" : "+v"(a))
#define vd_add_sums(p, a, b, c, d) _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), fd_sums_avx512(a, b, c, d)))

#define vu __m512i
#define vu_load(p) _mm512_loadu_si512((const void *)(p))
#define vu_store(p, a) _mm512_storeu_si512((void *)(p), a)
#define vu_set1(x) _mm512_set1_epi64((long long)(x))
#define vu_add(a, b) _mm512_add_epi64(a, b)
#define vu_xor(a, b) _mm512_xor_si512(a, b)
#define vu_or(a, b) _mm512_or_si512(a, b)
#define vu_left(a, n) _mm512_slli_epi64(a, n)
#define vu_right(a, n) _mm512_srli_epi64(a, n)
#define vd_of_bits(a) _mm512_castsi512_pd(a)
#define vu_of_bits(a) _mm512_castpd_si512(a)

/* Stores those of i, ..., i + 7 whose bits are set, side by side; p has room for 8 numbers of 32 bits. */
#define vd_compress(p, a, bits) _mm512_storeu_pd(p, _mm512_maskz_compress_pd((__mmask8)(bits), a))
#define vd_columns(x, p, n) fd_columns_avx512(x, p, n)
#define vi_compress(p, i, bits)                                                                                     \
    _mm256_storeu_si256((__m256i *)(p), _mm256_maskz_compress_epi32((__mmask8)(bits),                                \
        _mm256_add_epi32(_mm256_set1_epi32((int)(i)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))))

#define vh __m512i
#define VH_LANES 32
#define vh_load(p) _mm512_loadu_si512((const void *)(p))
#define vh_store(p, a) _mm512_storeu_si512((void *)(p), a)
#define vh_set1(x) _mm512_set1_epi16((short)(x))
#define vh_add(a, b) _mm512_add_epi16(a, b)
#define vh_min(a, b) _mm512_min_epi16(a, b)
#define vh_max(a, b) _mm512_max_epi16(a, b)
#define vh_less_bits(a, b) (uint32_t)_mm512_cmplt_epi16_mask(a, b)
#define vh_count_less(n, a, b) _mm512_mask_add_epi16(n, _mm512_cmplt_epi16_mask(a, b), n, _mm512_set1_epi16(1))

#define vf __m512
#define vf_mask __mmask16
#define VF_LANES 16
#define VF_TILE 4
#define VF_STEPS 1
#define vf_load(p) _mm512_loadu_ps(p)
#define vf_store(p, a) _mm512_storeu_ps(p, a)
#define vf_set1(x) _mm512_set1_ps(x)
#define vf_zero() _mm512_setzero_ps()
#define vf_add(a, b) _mm512_add_ps(a, b)
#define vf_sub(a, b) _mm512_sub_ps(a, b)
#define vf_mul(a, b) _mm512_mul_ps(a, b)
#define vf_div(a, b) _mm512_div_ps(a, b)
#define vf_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vf_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define vf_max(a, b) _mm512_max_ps(a, b)
#define vf_min(a, b) _mm512_min_ps(a, b)
#define vf_sqrt(a) _mm512_sqrt_ps(a)
#define vf_abs(a) _mm512_abs_ps(a)
#define vf_max_abs(a, b) _mm512_range_ps(a, b, 0x0b)
#define vf_lt(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define vf_select(m, a, b) _mm512_mask_blend_ps(m, b, a)
#define vf_keep(m, a) _mm512_maskz_mov_ps(m, a)
#define vf_mask_bits(m) ((unsigned)(m))
#define vf_scale_exponent(p, r) \
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(r), 23)))
#define vf_scale_steps(p, r) vf_scale_exponent(p, r)
