/* Vectors of float32: the one place that knows an instruction set.
 *
 * LANES floats make a vector. A register tile of the matrix product is TILE_ROWS rows of up to four
 * vectors: as many accumulators as the registers hold beside four vectors of weights (6 rows spill
 * with 16 registers, and then run at half speed).
 */
#ifndef RECURRA_SIMD_H
#define RECURRA_SIMD_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t i64;

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define TILE_ROWS 6
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#define TILE_ROWS 2
#elif defined(__SSE2__)
#include <immintrin.h>
#define LANES 4
#define TILE_ROWS 2
#elif defined(__aarch64__)
#define LANES 4
#define TILE_ROWS 6
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define LANES 4
#define TILE_ROWS 2
#else
#define LANES 4
#define TILE_ROWS 2
#endif

/* Four vectors: a unit block's four gates, or a column panel of a product. */
#define PANEL (4 * LANES)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vi_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef uint16_t vh_any __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef uint8_t vb_any __attribute__((vector_size(LANES), aligned(1), may_alias));

INLINE vf load(const float *p) { return *(const vf_any *)p; }
INLINE void store(float *p, vf v) { *(vf_any *)p = v; }
INLINE vf zero(void) { return (vf){0}; }

INLINE vf splat(float x)
{
#if LANES == 16
    return (vf)_mm512_set1_ps(x);
#elif defined(__wasm_simd128__)
    return (vf)wasm_f32x4_splat(x);
#elif defined(__AVX2__)
    return (vf)_mm256_set1_ps(x);
#elif defined(__SSE2__)
    return (vf)_mm_set1_ps(x);
#else
    /* By its bits: x may stand for a pair of bfloat16, which arithmetic would change. */
    union { float f; int32_t i; } bits = {x};
    return (vf)((vi){0} + bits.i);
#endif
}

/* a * b + c, in one rounding where the machine can. */
INLINE vf madd(vf a, vf b, vf c)
{
#if defined(__wasm_relaxed_simd__)
    return (vf)__builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
    return a * b + c;
#endif
}

/* Bitwise choice: lanes of `yes` where `mask` is -1, of `no` where it is 0. */
INLINE vf choose(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }

/* The larger, or the smaller, of x and a bound. A NaN in x comes through. */
INLINE vf at_least(vf x, vf bound)
{
#if LANES == 16
    return (vf)_mm512_max_ps((__m512)bound, (__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)bound, (__m128)x);
#elif defined(__wasm_simd128__)
    return (vf)wasm_f32x4_pmax((v128_t)x, (v128_t)bound);
#else
    return choose(x < bound, bound, x);
#endif
}

INLINE vf at_most(vf x, vf bound)
{
#if LANES == 16
    return (vf)_mm512_min_ps((__m512)bound, (__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)bound, (__m128)x);
#elif defined(__wasm_simd128__)
    return (vf)wasm_f32x4_pmin((v128_t)x, (v128_t)bound);
#else
    return choose(x > bound, bound, x);
#endif
}

INLINE vf square_root(vf x)
{
#if LANES == 16
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
    return (vf)_mm_sqrt_ps((__m128)x);
#elif defined(__wasm_simd128__)
    return (vf)wasm_f32x4_sqrt((v128_t)x);
#else
    vf y;
    for (int j = 0; j < LANES; j++) y[j] = __builtin_sqrtf(x[j]);
    return y;
#endif
}

INLINE float sum_lanes(vf v)
{
    float s = v[0];
    for (int j = 1; j < LANES; j++) s += v[j];
    return s;
}

INLINE float max_lanes(vf v)
{
    float s = v[0];
    for (int j = 1; j < LANES; j++) s = v[j] > s ? v[j] : s;
    return s;
}

/* bfloat16: the upper half of a float32, rounded to nearest even. */
INLINE vh to_half(vf x)
{
#if defined(__AVX512BF16__) && LANES == 16
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x;
    bits += 0x7fffu + ((bits >> 16) & 1u);
    return __builtin_convertvector(bits >> 16, vh);
#endif
}

INLINE vf from_half(vh x) { return (vf)(__builtin_convertvector(x, vu) << 16); }
INLINE void store_half(uint16_t *p, vf v) { *(vh_any *)p = to_half(v); }
INLINE vf load_half(const uint16_t *p) { return from_half(*(const vh_any *)p); }

/* Two vectors as pairs: lane j holds `low` in its lower half and `high` in its upper one. */
INLINE vf pair_halves(vh low, vh high)
{
    return (vf)(__builtin_convertvector(low, vu) | (__builtin_convertvector(high, vu) << 16));
}

/* One multiply-add of a register tile. With `half`, each 32-bit lane of a and b is a pair of
 * bfloat16 and both products are added in float32; the same addressing serves both precisions. */
INLINE vf tile_multiply_add(int half, vf a, vf b, vf c)
{
    if (!half) return madd(a, b, c);
#if defined(__AVX512BF16__) && LANES == 16
    return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#else
    vi high = (vi){0} - 65536; /* 0xffff0000 */
    c = madd((vf)((vi)a << 16), (vf)((vi)b << 16), c);
    return madd((vf)((vi)a & high), (vf)((vi)b & high), c);
#endif
}

INLINE i64 round_up(i64 n, i64 to) { return (n + to - 1) / to * to; }
INLINE i64 least(i64 a, i64 b) { return a < b ? a : b; }
INLINE i64 most(i64 a, i64 b) { return a > b ? a : b; }

/* Clear or copy `count` floats. Loops, so that WebAssembly needs no C library. */
INLINE void clear(float *p, i64 count)
{
    for (i64 k = 0; k < count; k++) p[k] = 0.0f;
}

INLINE void copy(float *to, const float *from, i64 count)
{
    for (i64 k = 0; k < count; k++) to[k] = from[k];
}

#endif
