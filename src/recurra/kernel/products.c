/* See products.h. */
#include "products.h"

#include "tiles.h"

/* Where the sums of row m, vector j begin, and what they are in the end. */
INLINE vf first_sum(const Product *p, const int kind, const float *c, int j)
{
    if (kind == BYTE) return load(p->b_offset + j * LANES);
    return p->add ? load(c + j * LANES) : p->bias ? load(p->bias + j * LANES) : zero();
}

INLINE vf last_sum(const Product *p, const int kind, vf sum, i64 m, const float *c, int j)
{
    if (kind != BYTE) return sum;
    vf start = p->add ? load(c + j * LANES) : p->bias ? load(p->bias + j * LANES) : zero();
    return byte_sum(sum, p->a_step[m], load(p->b_step + j * LANES), start);
}

INLINE void tile(const Product *p, const int kind, const int rows, const int vectors, i64 first)
{
    vf acc[TILE_ROWS][4];
    float *c = p->c + first * p->c_row;
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int j = 0; j < vectors; j++) acc[m][j] = first_sum(p, kind, c + m * p->c_row, j);
    }
    const float *a = p->a + first * p->a_row, *b = p->b;
    for (i64 q = 0; q < p->blocks; q++) {
#if defined(__wasm__)
        /* Its compilers keep constant strides out of the few registers that addresses have. */
        const i64 width = vectors * LANES;
        if (p->a_row == 1 && p->a_k == LANES && p->b_row == width) {
            tile_steps(kind, rows, vectors, a, 1, LANES, b, width, p->depth, acc);
        } else if (p->a_k == 1 && p->b_row == width) {
            tile_steps(kind, rows, vectors, a, p->a_row, 1, b, width, p->depth, acc);
        } else
#endif
            tile_steps(kind, rows, vectors, a, p->a_row, p->a_k, b, p->b_row, p->depth, acc);
        a += p->a_block;
        b += p->depth * p->b_row;
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int j = 0; j < vectors; j++) {
            float *to = c + m * p->c_row;
            store(to + j * LANES, last_sum(p, kind, acc[m][j], first + m, to, j));
        }
    }
}

#define DEFINE(name, kind, vectors) \
    static void name(const Product *p, i64 total) \
    { \
        FOR_ROW_GROUPS(total, first, CALL_##kind##_##vectors) \
    }
#define CALL_FULL_1(rows) tile(p, FULL, rows, 1, first)
#define CALL_FULL_2(rows) tile(p, FULL, rows, 2, first)
#define CALL_FULL_3(rows) tile(p, FULL, rows, 3, first)
#define CALL_FULL_4(rows) tile(p, FULL, rows, 4, first)
#define CALL_HALF_1(rows) tile(p, HALF, rows, 1, first)
#define CALL_HALF_2(rows) tile(p, HALF, rows, 2, first)
#define CALL_HALF_3(rows) tile(p, HALF, rows, 3, first)
#define CALL_HALF_4(rows) tile(p, HALF, rows, 4, first)
#define CALL_BYTE_1(rows) tile(p, BYTE, rows, 1, first)
#define CALL_BYTE_2(rows) tile(p, BYTE, rows, 2, first)
#define CALL_BYTE_3(rows) tile(p, BYTE, rows, 3, first)
#define CALL_BYTE_4(rows) tile(p, BYTE, rows, 4, first)

DEFINE(full_1, FULL, 1)
DEFINE(full_2, FULL, 2)
#if TILE_VECTORS == 4
DEFINE(full_3, FULL, 3)
DEFINE(full_4, FULL, 4)
#endif
#ifndef RECURRA_FLOAT32_ONLY
DEFINE(half_1, HALF, 1)
DEFINE(half_2, HALF, 2)
DEFINE(byte_1, BYTE, 1)
DEFINE(byte_2, BYTE, 2)
#if TILE_VECTORS == 4
DEFINE(half_3, HALF, 3)
DEFINE(half_4, HALF, 4)
DEFINE(byte_3, BYTE, 3)
DEFINE(byte_4, BYTE, 4)
#endif
#endif

#ifdef TILES
enum { LOWER = 2 }; /* the tile that holds the lower half's first vector, with 32 rows */

/* Where the first of up to 16 rows of the result lies. */
INLINE float *tiled_rows(const Product *p, i64 first, int from)
{
    return p->c + first * p->c_row + (first % (2 * TILE) ? p->c_jump : 0) + from * LANES;
}

/* Up to four tiles from number `tile` on, from or to memory. */
INLINE void read_tiles(const int tile, const int vectors, const float *from, i64 pitch)
{
    if (tile == LOWER) {
        _tile_loadd(2, from, pitch);
        _tile_loadd(3, from + LANES, pitch);
        return;
    }
    _tile_loadd(0, from, pitch);
    if (vectors > 1) _tile_loadd(1, from + LANES, pitch);
    if (vectors > 2) _tile_loadd(2, from + 2 * LANES, pitch);
    if (vectors > 3) _tile_loadd(3, from + 3 * LANES, pitch);
}

INLINE void write_tiles(const int tile, const int vectors, float *to, i64 pitch)
{
    if (tile == LOWER) {
        _tile_stored(2, to, pitch);
        _tile_stored(3, to + LANES, pitch);
        return;
    }
    _tile_stored(0, to, pitch);
    if (vectors > 1) _tile_stored(1, to + LANES, pitch);
    if (vectors > 2) _tile_stored(2, to + 2 * LANES, pitch);
    if (vectors > 3) _tile_stored(3, to + 3 * LANES, pitch);
}

/* Begin with what rows first .. first + rows - 1, up to 16, of the result hold, vectors from
 * .. from + vectors - 1. Fewer rows than 16 go by way of a copy. */
INLINE void begin_tiles(
    const Product *p, i64 first, i64 rows, int from, const int vectors, const int tile)
{
    float sums[TILE][PANEL] __attribute__((aligned(64)));
    const float *c = tiled_rows(p, first, from);
    if (rows == TILE) {
        read_tiles(tile, vectors, c, 4 * p->c_row);
        return;
    }
    for (i64 m = 0; m < TILE; m++) {
        UNROLL for (int j = 0; j < vectors; j++) {
            store(sums[m] + j * LANES, m < rows ? load(c + m * p->c_row + j * LANES) : zero());
        }
    }
    read_tiles(tile, vectors, sums[0], 4 * PANEL);
}

/* The same rows into the result: by way of memory that the first cache holds where they are fewer
 * than 16, or something is to be added yet. */
INLINE void end_tiles(const Product *p, const int kind, i64 first, i64 rows, int from,
                      const int vectors, const int tile)
{
    float sums[TILE][PANEL] __attribute__((aligned(64))), *c = tiled_rows(p, first, from);
    i64 beyond = beyond_tiles(kind, p->depth);
    if (rows == TILE && !beyond && !p->bias) {
        write_tiles(tile, vectors, c, 4 * p->c_row);
        return;
    }
    write_tiles(tile, vectors, sums[0], 4 * PANEL);
    const float *a = p->a + first * p->a_row + p->depth - beyond;
    const float *b = p->b + (p->depth - beyond) * p->b_row + from * LANES;
    for (i64 m = 0; m < rows; m++, c += p->c_row, a += p->a_row) {
        vf acc[TILE_ROWS][4];
        UNROLL for (int j = 0; j < vectors; j++) {
            acc[0][j] = load(sums[m] + j * LANES);
            if (p->bias) acc[0][j] = acc[0][j] + load(p->bias + (from + j) * LANES);
        }
        tile_steps(HALF, 1, vectors, a, 0, 1, b, p->b_row, beyond, acc);
        UNROLL for (int j = 0; j < vectors; j++) store(c + j * LANES, acc[0][j]);
    }
}

/* Depths of several blocks are whole tiles: of the gates' gradients, 32 words each. SPLIT has one. */
INLINE void tiled_wide(
    const Product *p, const int kind, i64 first, i64 rows, int from, const int vectors)
{
    const float *a = p->a + first * p->a_row, *b = panel_vector(kind, p->b, p->depth, from);
    if (p->add) begin_tiles(p, first, rows, from, vectors, 0);
    else tiles_clear();
    for (i64 q = 0; q < p->blocks; q++, a += p->a_block, b += p->depth * p->b_row) {
        tiles_wide(kind, vectors, a, p->a_row, rows, b, p->b_row, p->depth);
    }
    end_tiles(p, kind, first, rows, from, vectors, 0);
}

INLINE void tiled_tall(const Product *p, const int kind, i64 first, int from)
{
    const float *a = p->a + first * p->a_row, *b = panel_vector(kind, p->b, p->depth, from);
    if (p->add) {
        begin_tiles(p, first, TILE, from, 2, 0);
        begin_tiles(p, first + TILE, TILE, from, 2, LOWER);
    } else {
        tiles_clear();
    }
    for (i64 q = 0; q < p->blocks; q++, a += p->a_block, b += p->depth * p->b_row) {
        tiles_tall(kind, a, p->a_row, b, p->b_row, p->depth);
    }
    end_tiles(p, kind, first, TILE, from, 2, 0);
    end_tiles(p, kind, first + TILE, TILE, from, 2, LOWER);
}

INLINE void tiled(const Product *p, const int kind, i64 rows, int vectors)
{
    i64 first = 0;
    for (; first + 2 * TILE <= rows; first += 2 * TILE) {
        int from = 0;
        for (; from + 2 <= vectors; from += 2) tiled_tall(p, kind, first, from);
        if (from == vectors) continue;
        tiled_wide(p, kind, first, TILE, from, 1);
        tiled_wide(p, kind, first + TILE, TILE, from, 1);
    }
    for (; first < rows; first += TILE) {
        i64 some = least(TILE, rows - first);
        switch (vectors) {
        case 1: tiled_wide(p, kind, first, some, 0, 1); break;
        case 2: tiled_wide(p, kind, first, some, 0, 2); break;
        case 3: tiled_wide(p, kind, first, some, 0, 3); break;
        default: tiled_wide(p, kind, first, some, 0, 4);
        }
    }
}

static void tiled_half(const Product *p, i64 rows, int vectors) { tiled(p, HALF, rows, vectors); }
static void tiled_split(const Product *p, i64 rows, int vectors) { tiled(p, SPLIT, rows, vectors); }
#endif

/* To the columns that lie `columns` further on in the result, and `floats` in b. */
static void move_on(Product *p, int kind, i64 floats, i64 columns)
{
    p->b += floats;
    p->c += columns;
    if (p->bias) p->bias += columns;
    if (kind == BYTE) {
        p->b_step += columns;
        p->b_offset += columns;
    }
}

void product(const Product *p, int kind, i64 rows, int vectors)
{
#ifdef TILES
    if (kind == HALF || kind == SPLIT) {
        if (kind == HALF) tiled_half(p, rows, vectors);
        else tiled_split(p, rows, vectors);
        return;
    }
#endif
    static void (*const all[][TILE_VECTORS])(const Product *, i64) = {
#if TILE_VECTORS == 2
        {full_1, full_2},
        {half_1, half_2},
        {byte_1, byte_2},
#else
        {full_1, full_2, full_3, full_4},
#ifndef RECURRA_FLOAT32_ONLY
        {half_1, half_2, half_3, half_4},
        {byte_1, byte_2, byte_3, byte_4},
#endif
#endif
    };
    Product some = *p;
    for (; vectors > 0; vectors -= TILE_VECTORS) {
        all[KIND(kind)][least(vectors, TILE_VECTORS) - 1](&some, rows);
        move_on(&some, kind, TILE_VECTORS * LANES, TILE_VECTORS * LANES);
    }
}

/* One row, two panels side by side: a single panel's few sums would wait for each other. */
INLINE void single_pair(const Product *p, const int kind, const int vectors)
{
    Product q = *p;
    move_on(&q, kind, p->depth * PANEL, PANEL);
    vf acc[2][4];
    UNROLL for (int j = 0; j < 4; j++) acc[0][j] = first_sum(p, kind, p->c, j);
    UNROLL for (int j = 0; j < vectors; j++) acc[1][j] = first_sum(&q, kind, q.c, j);
    for (i64 k = 0; k < p->depth; k++) {
        vf x = splat(p->a[k * p->a_k]);
        UNROLL for (int j = 0; j < 4; j++) {
            acc[0][j] = tile_multiply_add(kind, x, load(p->b + k * PANEL + j * LANES), acc[0][j]);
        }
        UNROLL for (int j = 0; j < vectors; j++) {
            acc[1][j] = tile_multiply_add(
                kind, x, load(q.b + (k * vectors + j) * LANES), acc[1][j]);
        }
    }
    UNROLL for (int j = 0; j < 4; j++) {
        store(p->c + j * LANES, last_sum(p, kind, acc[0][j], 0, p->c, j));
    }
    UNROLL for (int j = 0; j < vectors; j++) {
        store(q.c + j * LANES, last_sum(&q, kind, acc[1][j], 0, q.c, j));
    }
}

INLINE void single_pair_of(const Product *p, const int kind, int vectors)
{
    switch (vectors) {
    case 1: single_pair(p, kind, 1); break;
    case 2: single_pair(p, kind, 2); break;
    case 3: single_pair(p, kind, 3); break;
    default: single_pair(p, kind, 4);
    }
}

static void single_pair_any(const Product *p, int kind, int vectors)
{
    kind = KIND(kind);
    if (kind == FULL) single_pair_of(p, FULL, vectors);
    else if (kind == HALF) single_pair_of(p, HALF, vectors);
    else single_pair_of(p, BYTE, vectors);
}

void product_panels(const Product *p, int kind, i64 rows, i64 columns)
{
    Product panel = *p;
    int pairs = rows == 1 && p->blocks == 1 && !p->add;
#ifdef TILES
    pairs = pairs && kind != HALF && kind != SPLIT;
#endif
    for (i64 done = 0; done < columns;) {
        i64 left = columns - done, panels = pairs && left > PANEL ? 2 : 1;
        int vectors = (int)((least(left - (panels - 1) * PANEL, PANEL) + LANES - 1) / LANES);
        if (panels == 2) {
            single_pair_any(&panel, kind, vectors);
        } else {
            panel.b_row = vectors * LANES;
            product(&panel, kind, rows, vectors);
        }
        i64 width = (panels - 1) * PANEL + vectors * LANES;
        move_on(&panel, kind, p->blocks * p->depth * width, panels * PANEL);
        done += panels * PANEL;
    }
}
