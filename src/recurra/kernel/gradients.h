/* How the factors of the weights' gradients are packed: sums over the rows of a window, so that rows
 * are what a product's depth is. */
#ifndef RECURRA_GRADIENTS_H
#define RECURRA_GRADIENTS_H

#include "products.h"
#include "tiles.h"
#include "window.h"

/* Rows of a product's depth in words: of bfloat16 pairs of rows, and in tiles a multiple of 16 pairs.
 * What pads them is zero. */
INLINE i64 depth_of(i64 rows, int kind)
{
#ifdef TILES
    if (kind == HALF) return round_up((rows + 1) / 2, TILE);
#endif
    return words(rows, kind);
}

/* Pack rows of a matrix [rows, columns] in panels [panel][row][width]; with `half`, pairs of rows of
 * bfloat16, depth_of(rows) of them. */
static inline void pack_rows(
    const void *from, i64 stride, i64 rows, i64 columns, int half, float *to)
{
    for (i64 first = 0; first < columns; first += PANEL) {
        i64 width = round_up(least(columns - first, PANEL), LANES);
        for (i64 r = 0; r < rows; r += half ? 2 : 1) {
            for (i64 c = 0; c < width; c += LANES, to += LANES) {
                if (half) {
                    const uint16_t *x = (const uint16_t *)from + r * stride + first + c;
                    vh low = *(const vh_any *)x, high = {0};
                    if (r + 1 < rows) high = *(const vh_any *)(x + stride);
                    store(to, pair_halves(low, high));
                } else {
                    store(to, load((const float *)from + r * stride + first + c));
                }
            }
        }
        i64 padding = (depth_of(rows, half) - words(rows, half)) * width;
        clear(to, padding);
        to += padding;
    }
}

#ifdef TILES
/* split_gradients.c: the same of SPLIT, from rows of float32; and a unit block's gradients. */
void pack_rows_split(const float *from, i64 stride, i64 rows, i64 columns, float *to);
void pack_block_split(const float *dz, i64 rows, float *to);

/* Pairs of rows [pair][width] as tiles read them from the left: [column][pair], for `columns`. */
static inline void turn_pairs(const float *from, i64 width, i64 depth, i64 columns, float *to)
{
    for (i64 c = 0; c < columns; c += LANES) {
        for (i64 k = 0; k < depth; k += TILE) {
            vf v[TILE];
            UNROLL for (int j = 0; j < TILE; j++) v[j] = load(from + (k + j) * width + c);
            transpose_words(v);
            UNROLL for (int j = 0; j < TILE; j++) store(to + (c + j) * depth + k, v[j]);
        }
    }
}
#endif

#endif
