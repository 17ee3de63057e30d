/* Products of bfloat16 in AMX tiles: 16 rows by 16 columns of sums, 32 factors deep an instruction.
 *
 * The packed forms of products.h are the tiles' own: a word is a pair of factors, 16 words of a row of
 * `a` make a row of a tile, and 16 rows of `b` by one vector make the other tile. An element is
 * summed the same way whatever shares its tile: in each step of 32 factors the even and the odd ones
 * apart, then both onto what there was. Depth beyond whole steps is left to the caller.
 *
 * Builds without AMX find TILES undefined, and nothing else.
 */
#ifndef RECURRA_TILES_H
#define RECURRA_TILES_H

#include "simd.h"

#if defined(__AMX_BF16__) && LANES == 16
#define TILES 1

enum { TILE = 16 }; /* rows and columns of sums; words of depth */

/* Every tile register is 16 rows of 64 bytes. The state of a thread from start to stop, which also
 * spares the system from saving 8 KiB of them when threads take turns. */
INLINE void tiles_start(void)
{
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape = {
        .palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    __asm__ volatile("" : : "r"(&shape) : "memory");
    _tile_loadconfig(&shape);
}

INLINE void tiles_stop(void) { _tile_release(); }

/* How many steps of 32 factors a depth has, and the words that are left after them: SPLIT has whole
 * lines only. */
INLINE i64 tile_steps_of(const int kind, i64 depth)
{
    return depth / (kind == SPLIT ? SPLIT_WORDS : TILE);
}

INLINE i64 beyond_tiles(const int kind, i64 depth) { return kind == SPLIT ? 0 : depth % TILE; }

INLINE void tiles_clear(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* SPLIT keeps a panel's vectors one after the other, so that a tile is one piece of memory: processors
 * fetch that ahead. */
INLINE const float *panel_vector(const int kind, const float *b, i64 depth, i64 j)
{
    return b + j * LANES * (kind == SPLIT ? depth : 1);
}

/* Of the nine products of numbers in three parts, the six down to 2^-24 of the whole, in the order
 * that loads the fewest tiles. */
enum { SPLIT_PRODUCTS = 6 };
static const int PART_OF_A[] = {0, 0, 1, 1, 2, 0}, PART_OF_B[] = {2, 1, 1, 0, 0, 0};

/* 32 rows, tiles 4 above 5, by two vectors, tiles 6 and 7: onto tiles 0 and 1 above 2 and 3. What
 * changes next is read right after its last product, while the other products run: rows, vectors,
 * both, or nothing. */
INLINE void tall_then_a(const float *a, const float *below, i64 a_row)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, a, a_row * 4);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(5, below, a_row * 4);
}

INLINE void tall_then_b(const float *b, i64 b_vector)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(6, b, LANES * 4);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(7, b + b_vector, LANES * 4);
}

INLINE void tall_then_both(const float *a, const float *below, i64 a_row, const float *b,
                           const float *b_right, i64 b_row)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, a, a_row * 4);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(6, b, b_row * 4);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(7, b_right, b_row * 4);
    _tile_loadd(5, below, a_row * 4);
}

/* What the first of them multiplies. */
INLINE void tall_factors(const float *a, const float *below, i64 a_row, const float *b,
                         const float *b_right, i64 b_row)
{
    _tile_loadd(6, b, b_row * 4);
    _tile_loadd(4, a, a_row * 4);
    _tile_loadd(7, b_right, b_row * 4);
    _tile_loadd(5, below, a_row * 4);
}

INLINE void tall_last(void)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

INLINE void tiles_tall_split(const float *a, i64 a_row, const float *b, i64 b_vector, i64 steps)
{
    const float *below = a + TILE * a_row;
    const i64 first_a = PART_OF_A[0] * TILE, first_b = PART_OF_B[0] * TILE * LANES;
    tall_factors(a + first_a, below + first_a, a_row, b + first_b, b + first_b + b_vector, LANES);
    for (i64 left = steps; left > 0; left--) {
        UNROLL for (int q = 1; q < SPLIT_PRODUCTS; q++) {
            i64 of_a = PART_OF_A[q] * TILE, of_b = PART_OF_B[q] * TILE * LANES;
            if (PART_OF_B[q] == PART_OF_B[q - 1]) tall_then_a(a + of_a, below + of_a, a_row);
            else tall_then_b(b + of_b, b_vector);
        }
        a += SPLIT_WORDS;
        below += SPLIT_WORDS;
        b += SPLIT_WORDS * LANES;
        if (left == 1) tall_last();
        else tall_then_both(a + first_a, below + first_a, a_row, b + first_b,
                            b + first_b + b_vector, LANES);
    }
}

/* 32 rows by two vectors: tiles 0 and 1 above 2 and 3. */
INLINE void tiles_tall(
    const int kind, const float *a, i64 a_row, const float *b, i64 b_row, i64 depth)
{
    i64 steps = tile_steps_of(kind, depth);
    if (!steps) return;
    if (kind == SPLIT) {
        tiles_tall_split(a, a_row, b, depth * LANES, steps);
        return;
    }
    const float *below = a + TILE * a_row;
    tall_factors(a, below, a_row, b, b + LANES, b_row);
    for (i64 k = 1; k < steps; k++) {
        a += TILE;
        below += TILE;
        b += TILE * b_row;
        tall_then_both(a, below, a_row, b, b + LANES, b_row);
    }
    tall_last();
}

/* One step of tile 4 with `vectors` vectors: tiles 0 to 3. */
INLINE void tiles_row(const int vectors, const float *b, i64 b_row, i64 b_vector)
{
    _tile_loadd(5, b, b_row * 4);
    _tile_dpbf16ps(0, 4, 5);
    if (vectors > 1) {
        _tile_loadd(6, b + b_vector, b_row * 4);
        _tile_dpbf16ps(1, 4, 6);
    }
    if (vectors > 2) {
        _tile_loadd(7, b + 2 * b_vector, b_row * 4);
        _tile_dpbf16ps(2, 4, 7);
    }
    if (vectors > 3) {
        _tile_loadd(5, b + 3 * b_vector, b_row * 4);
        _tile_dpbf16ps(3, 4, 5);
    }
}

/* Up to 16 rows by `vectors` vectors: tiles 0 to 3. Fewer rows than 16 go by way of a copy, for what
 * lies behind them is another thread's, or nobody's. */
INLINE void tiles_wide(const int kind, const int vectors, const float *a, i64 a_row, i64 rows,
                       const float *b, i64 b_row, i64 depth)
{
    i64 steps = tile_steps_of(kind, depth);
    const int parts = kind == SPLIT ? PARTS : 1;
    float some[PARTS * TILE * TILE] __attribute__((aligned(64)));
    const float *from = a;
    i64 pitch = a_row * 4;
    if (rows == 1) {
        pitch = 0;
    } else if (rows < TILE) {
        for (i64 n = 0; n < parts * TILE; n++) store(some + n * TILE, zero());
        from = some;
        pitch = parts * 64;
    }
    const i64 b_step = kind == SPLIT ? SPLIT_WORDS * LANES : TILE * b_row;
    for (i64 k = 0; k < steps; k++, a += parts * TILE, b += b_step) {
        if (rows == 1 || rows >= TILE) from = a;
        else {
            for (i64 m = 0; m < rows; m++) {
                UNROLL for (int p = 0; p < parts; p++) {
                    store(some + (m * parts + p) * TILE, load(a + m * a_row + p * TILE));
                }
            }
        }
        if (kind != SPLIT) {
            _tile_loadd(4, from, pitch);
            tiles_row(vectors, b, b_row, LANES);
            continue;
        }
        UNROLL for (int q = 0; q < SPLIT_PRODUCTS; q++) {
            if (q == 0 || PART_OF_A[q] != PART_OF_A[q - 1]) {
                _tile_loadd(4, from + PART_OF_A[q] * TILE, pitch);
            }
            tiles_row(vectors, b + PART_OF_B[q] * TILE * LANES, LANES, depth * LANES);
        }
    }
}

/* One row by `vectors` vectors without tiles, to the same bits: acc += the sums of each step, as the
 * processor's manual has them. What takes time is the way of the weights from the caches, and these
 * loads of line after line are fetched ahead, which rows of tiles are not. */
INLINE void tiles_single(
    const int vectors, const float *a, const float *b, i64 b_row, i64 steps, vf acc[4])
{
    vi high = (vi){0} - 65536; /* 0xffff0000 */
    for (i64 k = 0; k < steps; k++, a += TILE) {
        float lower[TILE], upper[TILE];
        store(lower, (vf)((vi)load(a) << 16));
        store(upper, (vf)((vi)load(a) & high));
        vf even[4] = {{0}}, odd[4] = {{0}};
        for (int i = 0; i < TILE; i++, b += b_row) {
            vf x = splat(lower[i]), y = splat(upper[i]);
            UNROLL for (int j = 0; j < vectors; j++) {
                vi w = (vi)load(b + j * LANES);
                even[j] = madd(x, (vf)(w << 16), even[j]);
                odd[j] = madd(y, (vf)(w & high), odd[j]);
            }
        }
        UNROLL for (int j = 0; j < vectors; j++) acc[j] = acc[j] + (even[j] + odd[j]);
    }
}

/* Transpose 16 vectors of 32-bit words in place. */
INLINE void transpose_words(vf v[16])
{
    __m512i a[16], b[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32((__m512i)v[i], (__m512i)v[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32((__m512i)v[i], (__m512i)v[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    /* b[4 q + r] holds column 4 c + r of rows 4 q .. 4 q + 3 in its quarter c. */
    UNROLL for (int r = 0; r < 4; r++) {
        __m512i even = _mm512_shuffle_i32x4(b[r], b[4 + r], 0x88);
        __m512i odd = _mm512_shuffle_i32x4(b[r], b[4 + r], 0xdd);
        __m512i even_below = _mm512_shuffle_i32x4(b[8 + r], b[12 + r], 0x88);
        __m512i odd_below = _mm512_shuffle_i32x4(b[8 + r], b[12 + r], 0xdd);
        v[r] = (vf)_mm512_shuffle_i32x4(even, even_below, 0x88);
        v[8 + r] = (vf)_mm512_shuffle_i32x4(even, even_below, 0xdd);
        v[4 + r] = (vf)_mm512_shuffle_i32x4(odd, odd_below, 0x88);
        v[12 + r] = (vf)_mm512_shuffle_i32x4(odd, odd_below, 0xdd);
    }
}

#else
INLINE void tiles_start(void) {}
INLINE void tiles_stop(void) {}
#endif

#endif
