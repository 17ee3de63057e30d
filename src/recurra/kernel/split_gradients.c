/* The factors of the weights' gradients in three parts, see gradients.h. */
#include "gradients.h"

#ifdef TILES
/* Pairs of float32 of two rows, `low` and `high`, as words of the three parts of both. */
INLINE void split_pair(vf low, vf high, vf pairs[PARTS])
{
    vh of_low[PARTS], of_high[PARTS];
    split_parts(low, of_low);
    split_parts(high, of_high);
    UNROLL for (int p = 0; p < PARTS; p++) pairs[p] = pair_halves(of_low[p], of_high[p]);
}

/* SPLIT's panels of rows of float32: [panel][vector][32 rows][part][pair of rows][lane]. */
void pack_rows_split(const float *from, i64 stride, i64 rows, i64 columns, float *to)
{
    for (i64 first = 0; first < columns; first += PANEL) {
        i64 width = round_up(least(columns - first, PANEL), LANES);
        for (i64 r = 0; r < round_up(rows, LINE); r += 2) {
            const float *x = from + r * stride + first;
            float *line = to + (r / LINE * SPLIT_WORDS + r % LINE / 2) * LANES;
            for (i64 c = 0; c < width; c += LANES, line += words(rows, SPLIT) * LANES) {
                vf pairs[PARTS];
                split_pair(r < rows ? load(x + c) : zero(),
                           r + 1 < rows ? load(x + stride + c) : zero(), pairs);
                UNROLL for (int p = 0; p < PARTS; p++) store(line + p * TILE * LANES, pairs[p]);
            }
        }
        to += words(rows, SPLIT) * width;
    }
}

/* A unit block's gradients of SPLIT, as tiles read them from the left:
 * [slot][lane][32 rows][part][pair of rows]. */
void pack_block_split(const float *dz, i64 rows, float *to)
{
    i64 depth = words(rows, SPLIT);
    for (int s = 0; s < 4; s++, to += LANES * depth) {
        for (i64 r = 0; r < rows; r += LINE) {
            vf of[PARTS][TILE];
            UNROLL for (int i = 0; i < TILE; i++) {
                const float *x = dz + (r + 2 * i) * PANEL + s * LANES;
                vf pairs[PARTS];
                split_pair(r + 2 * i < rows ? load(x) : zero(),
                           r + 2 * i + 1 < rows ? load(x + PANEL) : zero(), pairs);
                UNROLL for (int p = 0; p < PARTS; p++) of[p][i] = pairs[p];
            }
            for (int p = 0; p < PARTS; p++) {
                float *part = to + r / LINE * SPLIT_WORDS + p * TILE;
                transpose_words(of[p]);
                UNROLL for (int j = 0; j < TILE; j++) store(part + j * depth, of[p][j]);
            }
        }
    }
}
#else
typedef int nothing; /* C has no empty files */
#endif
