/* Matrix products in register tiles. Every product of the kernel is made here: TILE_ROWS rows by up
 * to TILE_VECTORS vectors of the result stay in registers while the depth runs by.
 *
 * Each element of the result is summed over the depth in order, whatever the tile: results do not
 * depend on how rows are grouped, hence neither on the number of threads nor on the batch.
 */
#ifndef RECURRA_PRODUCTS_H
#define RECURRA_PRODUCTS_H

#include "simd.h"

/* c[m, :] (+)= sum over q, k of a[m, q, k] * b[q * depth + k, :].
 * Strides and the depth count 32-bit words of the kind (simd.h) of both factors. */
typedef struct {
    const float *a;
    i64 a_row, a_k, a_block;
    const float *b;
    i64 b_row;
    i64 depth, blocks;
    float *c;
    i64 c_row;
    const float *bias; /* start from this row, if not null */
    int add;           /* start from what c holds */
    i64 c_jump;        /* in tiles: how much further the rows from the 17th on lie in c */
    /* BYTE: steps of a [m], of columns of b, and -128 times the sums of columns, as integers. */
    const float *a_step, *b_step, *b_offset;
} Product;

/* Make `rows` rows of a product, `vectors` (1 to 4) vectors wide. */
void product(const Product *p, int kind, i64 rows, int vectors);

/* Columns in panels of PANEL: c[rows, columns] (+)= a b, with b packed as [panel][depth][width]. The
 * columns are padded to whole vectors in c. */
void product_panels(const Product *p, int kind, i64 rows, i64 columns);

/* start + what integer sums over (byte + 128) * byte, begun at b_offset, stand for. */
INLINE vf byte_sum(vf sum, float a_step, vf b_step, vf start)
{
    return madd(__builtin_convertvector((vi)sum, vf), b_step * a_step, start);
}

/* One step of depth. */
INLINE void tile_step(const int kind, const int rows, const int vectors, const float *a, i64 a_row,
                      const float *b, vf acc[TILE_ROWS][4])
{
    vf w[4];
    UNROLL for (int j = 0; j < vectors; j++) w[j] = load(b + j * LANES);
    UNROLL for (int m = 0; m < rows; m++) {
        vf x = splat(a[m * a_row]);
        UNROLL for (int j = 0; j < vectors; j++) {
            acc[m][j] = tile_multiply_add(kind, x, w[j], acc[m][j]);
        }
    }
}

/* The inner loop: acc[m][j] += a[m, k] * b[k, j]. Inlined with constant rows and vectors. */
INLINE void tile_steps(
    const int kind, const int rows, const int vectors, const float *a, i64 a_row, i64 a_k,
    const float *b, i64 b_row, i64 depth, vf acc[TILE_ROWS][4])
{
#if !defined(__wasm__)
    /* What counts addresses would take turns of the ports that multiply: four steps share it. */
    for (; depth >= 4; depth -= 4, a += 4 * a_k, b += 4 * b_row) {
        UNROLL for (int q = 0; q < 4; q++) {
            tile_step(kind, rows, vectors, a + q * a_k, a_row, b + q * b_row, acc);
        }
    }
#endif
    for (; depth > 0; depth--, a += a_k, b += b_row) {
        tile_step(kind, rows, vectors, a, a_row, b, acc);
    }
}

/* The same with a tile's width of a panel of weights, while lines from `ahead` on are fetched into the
 * second cache: in three steps of four, for more would wait for each other. */
INLINE void tile_steps_ahead(
    const int kind, const int rows, const float *a, i64 a_row, const float *b, i64 depth,
    const float *ahead, vf acc[TILE_ROWS][4])
{
    for (; depth >= 4; depth -= 4, a += 4, b += 4 * PANEL, ahead += 3 * FETCHED) {
        UNROLL for (int q = 0; q < 4; q++) {
            if (q < 3) prefetch_second(ahead + q * FETCHED);
            tile_step(kind, rows, TILE_VECTORS, a + q, a_row, b + q * PANEL, acc);
        }
    }
    tile_steps(kind, rows, TILE_VECTORS, a, a_row, 1, b, PANEL, depth, acc);
}

/* Floats that it fetches in `depth` steps. */
INLINE i64 fetched_ahead(i64 depth) { return depth / 4 * 3 * FETCHED; }

/* Run CALL(rows) with a constant number of rows, for groups of nearly equal size. `first` is the
 * group's first row. */
#if TILE_ROWS == 6
#define ROW_CASES(CALL) \
    case 6: CALL(6); break; case 5: CALL(5); break; case 4: CALL(4); break; \
    case 3: CALL(3); break; case 2: CALL(2); break; default: CALL(1);
#else
#define ROW_CASES(CALL) case 2: CALL(2); break; default: CALL(1);
#endif

#define FOR_ROW_GROUPS(total, first, CALL) \
    for (i64 groups_ = ((total) + TILE_ROWS - 1) / TILE_ROWS, group_ = 0, first = 0, size_ = 0; \
         group_ < groups_; group_++, first += size_) { \
        size_ = (total) / groups_ + (group_ < (total) % groups_); \
        switch (size_) { ROW_CASES(CALL) } \
    }

#endif
