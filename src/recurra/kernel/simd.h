/* Vectors of float32: the one place that knows an instruction set.
 *
 * LANES floats make a vector. A register tile of the matrix product is TILE_ROWS rows of up to
 * TILE_VECTORS vectors: as many accumulators as the registers hold beside the vectors of weights. What
 * spills runs at half speed. Of 16 registers 6 rows of 2 use the most, but where multiplying and adding
 * are two instructions, or a browser compiles, 2 rows of 4 are faster.
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
#define TILE_VECTORS 4
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#elif defined(__SSE2__)
#include <immintrin.h>
#define LANES 4
#define TILE_ROWS 2
#define TILE_VECTORS 4
#elif defined(__aarch64__)
#define LANES 4
#define TILE_ROWS 6
#define TILE_VECTORS 4
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define LANES 4
#define TILE_ROWS 2
#define TILE_VECTORS 4
#else
#define LANES 4
#define TILE_ROWS 2
#define TILE_VECTORS 4
#endif

/* Four vectors: a unit block's four gates, or a column panel of a product. */
#define PANEL (4 * LANES)

#define INLINE static inline __attribute__((always_inline))
#define COLD __attribute__((cold)) /* small rather than fast */
#define UNROLL _Pragma("GCC unroll 8")

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vi_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef uint16_t vh_any __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef int16_t vs __attribute__((vector_size(LANES * 4)));
typedef uint8_t vb __attribute__((vector_size(LANES)));
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
#if LANES == 16
    return _mm512_reduce_add_ps((__m512)v);
#else
    float s = v[0];
    for (int j = 1; j < LANES; j++) s += v[j];
    return s;
#endif
}

INLINE float max_lanes(vf v)
{
#if LANES == 16
    return _mm512_reduce_max_ps((__m512)v);
#else
    float s = v[0];
    for (int j = 1; j < LANES; j++) s = v[j] > s ? v[j] : s;
    return s;
#endif
}

/* Ask for the line of cache at p, which may lie anywhere. */
INLINE void prefetch(const void *p) { __builtin_prefetch(p); }

/* The same into the second cache only. FETCHED floats come at once. Browsers have nothing of it. */
INLINE void prefetch_second(const void *p) { __builtin_prefetch(p, 0, 2); }
#if defined(__wasm__)
enum { FETCHES = 0, FETCHED = 16 };
#else
enum { FETCHES = 1, FETCHED = 16 };
#endif

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

/* How the factors of a product are stored: each 32-bit word is a float32, a pair of bfloat16 or four
 * 8-bit integers. The same addressing serves all: rows are `words` long.
 *
 * SPLIT is float32 for processors with tiles (tiles.h), which multiply bfloat16 sixteen times as fast:
 * each number is the sum of three of bfloat16, and LINE numbers are PARTS times LINE / 2 words, first
 * all the first parts, then the second, then the third. */
enum { FULL, HALF, BYTE, SPLIT };
enum { LINE = 32, PARTS = 3, SPLIT_WORDS = PARTS * LINE / 2 };
/* The kind of a product. Browsers load every byte of the code and ask for float32 only: their builds
 * define RECURRA_FLOAT32_ONLY, refuse the other kinds and leave their loops out. */
#ifdef RECURRA_FLOAT32_ONLY
#define KIND(kind) ((void)(kind), FULL)
#else
#define KIND(kind) (kind)
#endif
INLINE i64 words(i64 count, int kind)
{
    if (kind == SPLIT) return (count + LINE - 1) / LINE * SPLIT_WORDS;
    return (count + (1 << kind) - 1) >> kind;
}

/* Of float32: three of bfloat16 whose sum is v to within 2^-24 of it. */
INLINE void split_parts(vf v, vh parts[PARTS])
{
    UNROLL for (int p = 0; p < PARTS; p++) {
        parts[p] = to_half(v);
        v = v - from_half(parts[p]);
    }
}

/* A vector of numbers n .. n + LANES - 1 of a row in the form of HALF or SPLIT. */
INLINE void store_copy(const int kind, uint16_t *row, i64 n, vf v)
{
    vh parts[PARTS];
    if (kind == HALF) {
        store_half(row + n, v);
        return;
    }
    split_parts(v, parts);
    uint16_t *to = row + n / LINE * (2 * SPLIT_WORDS) + n % LINE;
    UNROLL for (int p = 0; p < PARTS; p++) *(vh_any *)(to + p * LINE) = parts[p];
}

/* c + the sum of four products, lane by lane: bytes of `a` unsigned, of `b` signed. Exact. */
INLINE vi byte_products(vi a, vi b, vi c)
{
#if defined(__AVX512VNNI__) && LANES == 16
    return (vi)_mm512_dpbusd_epi32((__m512i)c, (__m512i)a, (__m512i)b);
#else
    /* Bytes 0 and 2, then 1 and 3, as 16-bit numbers: products of bytes overflow nothing there. */
    vi even_a = a & 0x00ff00ff, odd_a = (vi)((vu)a >> 8) & 0x00ff00ff;
    vs even_b = (vs)((vu)b << 8) >> 8, odd_b = (vs)b >> 8;
#if LANES == 16 && defined(__AVX512BW__)
    vi even = (vi)_mm512_madd_epi16((__m512i)even_a, (__m512i)even_b);
    vi odd = (vi)_mm512_madd_epi16((__m512i)odd_a, (__m512i)odd_b);
#elif LANES == 8 && defined(__AVX2__)
    vi even = (vi)_mm256_madd_epi16((__m256i)even_a, (__m256i)even_b);
    vi odd = (vi)_mm256_madd_epi16((__m256i)odd_a, (__m256i)odd_b);
#elif LANES == 4 && defined(__SSE2__)
    vi even = (vi)_mm_madd_epi16((__m128i)even_a, (__m128i)even_b);
    vi odd = (vi)_mm_madd_epi16((__m128i)odd_a, (__m128i)odd_b);
#elif defined(__wasm_simd128__)
    vi even = (vi)wasm_i32x4_dot_i16x8((v128_t)even_a, (v128_t)even_b);
    vi odd = (vi)wasm_i32x4_dot_i16x8((v128_t)odd_a, (v128_t)odd_b);
#else
    vi even = (even_a & 0xffff) * ((vi)((vu)even_b << 16) >> 16) + (even_a >> 16) * ((vi)even_b >> 16);
    vi odd = (odd_a & 0xffff) * ((vi)((vu)odd_b << 16) >> 16) + (odd_a >> 16) * ((vi)odd_b >> 16);
#endif
    return c + even + odd;
#endif
}

/* Two vectors as pairs: lane j holds `low` in its lower half and `high` in its upper one. */
INLINE vf pair_halves(vh low, vh high)
{
    return (vf)(__builtin_convertvector(low, vu) | (__builtin_convertvector(high, vu) << 16));
}

/* One multiply-add of a register tile: pairs of bfloat16 are added in float32, and with BYTE c holds
 * 32-bit integers. */
INLINE vf tile_multiply_add(const int kind, vf a, vf b, vf c)
{
    if (kind == FULL) return madd(a, b, c);
    if (kind == BYTE) return (vf)byte_products((vi)a, (vi)b, (vi)c);
#if defined(__AVX512BF16__) && LANES == 16
    return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#else
    vi high = (vi){0} - 65536; /* 0xffff0000 */
    c = madd((vf)((vi)a << 16), (vf)((vi)b << 16), c);
    return madd((vf)((vi)a & high), (vf)((vi)b & high), c);
#endif
}

/* Rows of numbers as 8-bit integers, symmetric about 0: x = step * (byte - 128), where the largest
 * |x| is 127 steps. Rows are padded to whole vectors. */
INLINE float byte_step(const float *row, i64 count)
{
    vf high = zero();
    for (i64 n = 0; n < count; n += LANES) {
        vf size = (vf)((vi)load(row + n) & 0x7fffffff);
        high = choose(size > high, size, high);
    }
    return max_lanes(high) * (1.0f / 127.0f);
}

INLINE void store_bytes(const float *row, i64 count, float step, uint8_t *to)
{
    /* In a float of exponent 23 the lowest byte is the integer itself, rounded to nearest even. */
    vf inverse = splat(step > 1e-30f ? 1.0f / step : 0.0f), base = splat(12582912.0f + 128.0f);
    for (i64 n = 0; n < count; n += LANES) {
        vu shifted = (vu)madd(load(row + n), inverse, base);
        *(vb_any *)(to + n) = __builtin_convertvector(shifted & 0xff, vb);
    }
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
