/* See products.h. */
#include "products.h"

INLINE void tile(const Product *p, const int half, const int rows, const int vectors, i64 first)
{
    vf acc[TILE_ROWS][4];
    float *c = p->c + first * p->c_row;
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int j = 0; j < vectors; j++) {
            acc[m][j] = p->add ? load(c + m * p->c_row + j * LANES)
                               : p->bias ? load(p->bias + j * LANES) : zero();
        }
    }
    const float *a = p->a + first * p->a_row, *b = p->b;
    for (i64 q = 0; q < p->blocks; q++) {
#if defined(__wasm__)
        /* Its compilers keep constant strides out of the few registers that addresses have. */
        const i64 width = vectors * LANES;
        if (p->a_row == 1 && p->a_k == LANES && p->b_row == width) {
            tile_steps(half, rows, vectors, a, 1, LANES, b, width, p->depth, acc);
        } else if (p->a_k == 1 && p->b_row == width) {
            tile_steps(half, rows, vectors, a, p->a_row, 1, b, width, p->depth, acc);
        } else
#endif
            tile_steps(half, rows, vectors, a, p->a_row, p->a_k, b, p->b_row, p->depth, acc);
        a += p->a_block;
        b += p->depth * p->b_row;
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int j = 0; j < vectors; j++) store(c + m * p->c_row + j * LANES, acc[m][j]);
    }
}

#define DEFINE(name, half, vectors) \
    static void name(const Product *p, i64 total) \
    { \
        FOR_ROW_GROUPS(total, first, DEFINE_CALL_##half##_##vectors) \
    }
#define DEFINE_CALL_0_1(rows) tile(p, 0, rows, 1, first)
#define DEFINE_CALL_0_2(rows) tile(p, 0, rows, 2, first)
#define DEFINE_CALL_0_3(rows) tile(p, 0, rows, 3, first)
#define DEFINE_CALL_0_4(rows) tile(p, 0, rows, 4, first)
#define DEFINE_CALL_1_1(rows) tile(p, 1, rows, 1, first)
#define DEFINE_CALL_1_2(rows) tile(p, 1, rows, 2, first)
#define DEFINE_CALL_1_3(rows) tile(p, 1, rows, 3, first)
#define DEFINE_CALL_1_4(rows) tile(p, 1, rows, 4, first)

DEFINE(product_1, 0, 1)
DEFINE(product_2, 0, 2)
DEFINE(product_3, 0, 3)
DEFINE(product_4, 0, 4)
DEFINE(product_half_1, 1, 1)
DEFINE(product_half_2, 1, 2)
DEFINE(product_half_3, 1, 3)
DEFINE(product_half_4, 1, 4)

void product(const Product *p, int half, i64 rows, int vectors)
{
    switch (vectors + 4 * half) {
    case 1: product_1(p, rows); break;
    case 2: product_2(p, rows); break;
    case 3: product_3(p, rows); break;
    case 4: product_4(p, rows); break;
    case 5: product_half_1(p, rows); break;
    case 6: product_half_2(p, rows); break;
    case 7: product_half_3(p, rows); break;
    default: product_half_4(p, rows); break;
    }
}

/* One row, two panels side by side: a single panel's few sums would wait for each other. */
INLINE void single_pair(const Product *p, const int half, const int vectors, const float *next)
{
    vf acc[2][4];
    UNROLL for (int j = 0; j < 4; j++) acc[0][j] = p->bias ? load(p->bias + j * LANES) : zero();
    UNROLL for (int j = 0; j < vectors; j++) {
        acc[1][j] = p->bias ? load(p->bias + PANEL + j * LANES) : zero();
    }
    for (i64 k = 0; k < p->depth; k++) {
        vf x = splat(p->a[k * p->a_k]);
        UNROLL for (int j = 0; j < 4; j++) {
            acc[0][j] = tile_multiply_add(half, x, load(p->b + k * PANEL + j * LANES), acc[0][j]);
        }
        UNROLL for (int j = 0; j < vectors; j++) {
            acc[1][j] = tile_multiply_add(
                half, x, load(next + (k * vectors + j) * LANES), acc[1][j]);
        }
    }
    UNROLL for (int j = 0; j < 4; j++) store(p->c + j * LANES, acc[0][j]);
    UNROLL for (int j = 0; j < vectors; j++) store(p->c + PANEL + j * LANES, acc[1][j]);
}

static void single_pair_any(const Product *p, int half, int vectors)
{
    const float *next = p->b + p->depth * PANEL;
    switch (vectors + 4 * half) {
    case 1: single_pair(p, 0, 1, next); break;
    case 2: single_pair(p, 0, 2, next); break;
    case 3: single_pair(p, 0, 3, next); break;
    case 4: single_pair(p, 0, 4, next); break;
    case 5: single_pair(p, 1, 1, next); break;
    case 6: single_pair(p, 1, 2, next); break;
    case 7: single_pair(p, 1, 3, next); break;
    default: single_pair(p, 1, 4, next);
    }
}

void product_panels(const Product *p, int half, i64 rows, i64 columns)
{
    Product panel = *p;
    int pairs = rows == 1 && p->blocks == 1 && !p->add;
    for (i64 done = 0; done < columns;) {
        i64 left = columns - done, panels = pairs && left > PANEL ? 2 : 1;
        int vectors = (int)((least(left - (panels - 1) * PANEL, PANEL) + LANES - 1) / LANES);
        if (panels == 2) {
            single_pair_any(&panel, half, vectors);
        } else {
            panel.b_row = vectors * LANES;
            product(&panel, half, rows, vectors);
        }
        i64 width = (panels - 1) * PANEL + vectors * LANES;
        panel.b += p->blocks * p->depth * width;
        panel.c += panels * PANEL;
        if (panel.bias) panel.bias += panels * PANEL;
        done += panels * PANEL;
    }
}
