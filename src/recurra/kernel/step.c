/* One step of a layer forward: products, gates and state in one go.
 *
 * A register tile holds the four gates of a unit block for some sequences: the products of
 * the input and of the state before are summed there, and become the new state before they leave the
 * registers. Where the processor has tiles of its own, the sums pass through the first cache.
 */
#include "cell.h"
#include "products.h"
#include "step.h"
#include "tiles.h"

/* What the recurrent product reads, in words of a kind. */
INLINE const float *state_of(const Tape *tape, const int kind)
{
    if (kind == HALF) return (const float *)tape->h_in_half;
    if (kind == BYTE) return (const float *)tape->h_in_byte;
    return tape->h_in;
}

/* The sums of a row before the products: bias and the token's row of the table, or W x + b. */
INLINE void start_row(const Step *s, i64 u, i64 row, vf acc[4])
{
    const Window *w = s->w;
    const float *bias = w->packed + s->l->packed_bias + u * PANEL;
    const float *sums = s->tape->g + (u * w->rows + row) * PANEL;
    if (s->tokens) {
        const float *x = w->packed + s->l->ih.ahead + (u * s->l->ih.width + s->tokens[row]) * PANEL;
        UNROLL for (int j = 0; j < 4; j++) acc[j] = load(bias + j * LANES) + load(x + j * LANES);
    } else {
        const float *from = s->x ? bias : sums;
        UNROLL for (int j = 0; j < 4; j++) acc[j] = load(from + j * LANES);
    }
}

/* From a row's sums to its gates and state, on the tape. */
INLINE void finish_row(const Step *s, const int flags, const int kind, i64 u, i64 row, vf acc[4])
{
    const Window *w = s->w;
    const Layer *l = s->l;
    Tape *tape = s->tape;
    i64 n = row * l->stride + u * LANES;
    i64 after = n + w->batch * l->stride; /* the state after the step, n the one before */
    float *g = tape->g + (u * w->rows + row) * PANEL;
    vf h;
    if (flags & CELL_GRU) {
        vf h_prev = load(tape->h + n);
        if (w->keep) h_prev = h_prev * w->keep[row];
        h = gru_gates(acc, h_prev);
    } else {
        vf c_prev = load(tape->c + n);
        if (w->keep) c_prev = c_prev * w->keep[row];
        vf c = cell_gates(flags, acc, c_prev, w->packed + l->packed_peephole + u * LANES,
                          l->blocks * LANES);
        vf y = cell_squash(flags, c);
        h = acc[3] * y;
        store(tape->c + after, c);
        store(tape->y + n, y);
    }
    UNROLL for (int j = 0; j < 4; j++) store(g + j * LANES, acc[j]);
    store(tape->h + after, h);
    if (kind == HALF && tape->h_in == tape->h) store_half(tape->h_in_half + after, h);
}

#ifdef RECURRA_FLOAT32_ONLY
/* Browsers load every byte: there one copy of the tiles serves all cells and calls what ends a row,
 * which takes little beside the products. */
static __attribute__((noinline)) void finish_vanilla(const Step *s, i64 u, i64 row, vf acc[4])
{
    finish_row(s, 0, FULL, u, row, acc);
}

static __attribute__((noinline)) void finish_any(const Step *s, int flags, i64 u, i64 row, vf acc[4])
{
    finish_row(s, flags, FULL, u, row, acc);
}

INLINE void finish(const Step *s, const int flags, const int kind, i64 u, i64 row, const vf acc[4])
{
    vf sums[4] = {acc[0], acc[1], acc[2], acc[3]}; /* acc itself stays in registers */
    (void)kind;
    if (flags) finish_any(s, flags, u, row, sums);
    else finish_vanilla(s, u, row, sums);
}
#define VARIANT(kind, flags) ((void)(kind), 2 * FULL + 1)
#else
#define finish finish_row
#define VARIANT(kind, flags) (2 * (kind) + ((flags) != 0))
#endif

/* acc[m] += what integer sums of row m and unit block u of a matrix stand for. */
INLINE void add_byte_sums(
    const Window *w, const Matrix *m, i64 u, float a_step, const vf sum[4], vf acc[4])
{
    const float *b_step = w->packed + m->step + u * PANEL;
    UNROLL for (int j = 0; j < 4; j++) {
        acc[j] = byte_sum(sum[j], a_step, load(b_step + j * LANES), acc[j]);
    }
}

INLINE void start_byte_sums(const Window *w, const Matrix *m, i64 u, vf sum[4])
{
    const float *offset = w->packed + m->offset + u * PANEL;
    UNROLL for (int j = 0; j < 4; j++) sum[j] = load(offset + j * LANES);
}

/* Gates and state of `rows` sequences of a step, from b0 + first, for one unit block. */
INLINE void fused_rows(
    const Step *s, const int flags, const int kind, const int rows, i64 first)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0 + first;
    i64 depth = words(l->units, kind), stride = words(l->stride, kind);
    const float *h = state_of(s->tape, kind) + row * stride;
    const float *b = w->packed + l->hh.ahead + s->u * depth * PANEL;
    vf acc[TILE_ROWS][4];
    UNROLL for (int m = 0; m < rows; m++) {
        if (kind == BYTE) start_byte_sums(w, &l->hh, s->u, acc[m]);
        else start_row(s, s->u, row + m, acc[m]);
    }
    if (s->x && kind != BYTE) {
        i64 width = words(l->ih.width, kind), x_row = words(l->ih.stride, kind);
        tile_steps(kind, rows, 4, s->x + row * x_row, x_row, 1,
                   w->packed + l->ih.ahead + s->u * width * PANEL, PANEL, width, acc);
    }
    tile_steps(kind, rows, 4, h, stride, 1, b, PANEL, depth, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        tile_steps(FULL, rows, 4, s->tape->gates_in + row * l->gg.stride, l->gg.stride, 1,
                   w->packed + l->gg.ahead + s->u * l->gg.width * PANEL, PANEL, l->gg.width, acc);
    }
    UNROLL for (int m = 0; m < rows; m++) {
        if (kind == BYTE) {
            vf sum[4] = {acc[m][0], acc[m][1], acc[m][2], acc[m][3]};
            start_row(s, s->u, row + m, acc[m]);
            add_byte_sums(w, &l->hh, s->u, s->tape->h_in_step[row + m], sum, acc[m]);
        }
        finish(s, flags, kind, s->u, row + m, acc[m]);
    }
}

/* A single sequence: too few rows to fill a tile, so several unit blocks go side by side, each
 * summed in the same order as in a tile. What costs is the way of the weights from the cache. */
#if LANES == 16
enum { SINGLE_BLOCKS = 1 }; /* four sums of 16 lanes are as many as its multiplier has in flight */
#else
enum { SINGLE_BLOCKS = 2 };
#endif

/* acc += the product of one row with unit blocks u .. u + blocks - 1 of a matrix. */
INLINE void single_product(const Window *w, const Matrix *m, const int kind, const int blocks,
                           i64 u, const float *a, float a_step, vf acc[SINGLE_BLOCKS][4])
{
    i64 depth = words(m->width, kind);
    const float *b = w->packed + m->ahead + u * depth * PANEL;
    vf sum[SINGLE_BLOCKS][4];
    UNROLL for (int q = 0; q < blocks; q++) {
        if (kind == BYTE) start_byte_sums(w, m, u + q, sum[q]);
        else UNROLL for (int j = 0; j < 4; j++) sum[q][j] = acc[q][j];
    }
    for (i64 k = 0; k < depth; k++) {
        vf x = splat(a[k]);
        UNROLL for (int q = 0; q < blocks; q++) {
            UNROLL for (int j = 0; j < 4; j++) {
                sum[q][j] = tile_multiply_add(
                    kind, x, load(b + (q * depth + k) * PANEL + j * LANES), sum[q][j]);
            }
        }
    }
    UNROLL for (int q = 0; q < blocks; q++) {
        if (kind == BYTE) add_byte_sums(w, m, u + q, a_step, sum[q], acc[q]);
        else UNROLL for (int j = 0; j < 4; j++) acc[q][j] = sum[q][j];
    }
}

INLINE void single_blocks(const Step *s, const int flags, const int kind, const int blocks, i64 u)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0;
    vf acc[SINGLE_BLOCKS][4];
    UNROLL for (int q = 0; q < blocks; q++) start_row(s, u + q, row, acc[q]);
    if (s->x) {
        single_product(w, &l->ih, kind, blocks, u, s->x + row * words(l->ih.stride, kind),
                       kind == BYTE ? s->x_step[row] : 1.0f, acc);
    }
    single_product(w, &l->hh, kind, blocks, u,
                   state_of(s->tape, kind) + row * words(l->stride, kind),
                   kind == BYTE ? s->tape->h_in_step[row] : 1.0f, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        single_product(w, &l->gg, FULL, blocks, u, s->tape->gates_in + row * l->gg.stride, 1.0f, acc);
    }
    if (kind == BYTE) {
        /* While the gates are computed, the next block's first weights may come. Wider ones keep the
         * way from the second cache busy by themselves. */
        const Matrix *next = s->x ? &l->ih : &l->hh;
        const float *b = w->packed + next->ahead + (u + blocks) * words(next->width, kind) * PANEL;
        for (int line = 0; line < 32; line++) prefetch(b + line * ROW);
    }
    UNROLL for (int q = 0; q < blocks; q++) finish(s, flags, kind, u + q, row, acc[q]);
}

INLINE void single_row(const Step *s, const int flags, const int kind)
{
    i64 u = s->u0;
    for (; u + SINGLE_BLOCKS <= s->u1; u += SINGLE_BLOCKS) {
        single_blocks(s, flags, kind, SINGLE_BLOCKS, u);
    }
    for (; u < s->u1; u++) single_blocks(s, flags, kind, 1, u);
}

/* Constant flags for the vanilla cell, a variable for all others; a constant kind for all. */
#define FUSED(rows) fused_rows(s, 0, FULL, rows, first)
#define FUSED_HALF(rows) fused_rows(s, 0, HALF, rows, first)
#define FUSED_BYTE(rows) fused_rows(s, 0, BYTE, rows, first)
#define FUSED_ANY(rows) fused_rows(s, flags, FULL, rows, first)
#define FUSED_HALF_ANY(rows) fused_rows(s, flags, HALF, rows, first)
#define FUSED_BYTE_ANY(rows) fused_rows(s, flags, BYTE, rows, first)

static void fused_vanilla(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED) }
static void fused_half(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED_HALF) }
static void fused_byte(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED_BYTE) }
static void fused_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_ANY)
}
static void fused_half_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_HALF_ANY)
}
static void fused_byte_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_BYTE_ANY)
}

static void fused_single(const Step *s, int flags, int kind)
{
    switch (VARIANT(kind, flags)) {
    case 2 * FULL: single_row(s, 0, FULL); break;
    case 2 * HALF: single_row(s, 0, HALF); break;
    case 2 * BYTE: single_row(s, 0, BYTE); break;
    case 2 * FULL + 1: single_row(s, flags, FULL); break;
    case 2 * HALF + 1: single_row(s, flags, HALF); break;
    default: single_row(s, flags, BYTE);
    }
}

#ifdef TILES
/* The sums of the products of `rows` sequences, up to 32, from `row`, for unit block u: into memory
 * that the first cache holds. */
INLINE void tiled_sums(const Step *s, i64 u, i64 row, int rows, float sums[2 * TILE][PANEL])
{
    const Layer *l = s->l;
    i64 depth = words(l->units, HALF), h_row = words(l->stride, HALF);
    i64 width = words(l->ih.width, HALF), x_row = words(l->ih.stride, HALF);
    const float *h = state_of(s->tape, HALF) + row * h_row, *x = s->x ? s->x + row * x_row : 0;
    const float *w_h = s->w->packed + l->hh.ahead + u * depth * PANEL;
    const float *w_x = s->w->packed + l->ih.ahead + u * width * PANEL;
    if (rows == 1) {
        /* Tiles would be a few percent faster with small weights when nobody else uses the processor's
         * one multiplier of tiles, and half as fast when somebody does. */
        vf acc[4] = {{0}};
        if (x) tiles_single(4, x, w_x, PANEL, whole_tiles(width), acc);
        tiles_single(4, h, w_h, PANEL, whole_tiles(depth), acc);
        UNROLL for (int j = 0; j < 4; j++) store(sums[0] + j * LANES, acc[j]);
        return;
    }
    for (int j = 0; j < 4 && rows == 2 * TILE; j += 2) {
        tiles_clear();
        if (x) tiles_tall(x, x_row, w_x + j * LANES, PANEL, whole_tiles(width));
        tiles_tall(h, h_row, w_h + j * LANES, PANEL, whole_tiles(depth));
        _tile_stored(0, sums[0] + j * LANES, 4 * PANEL);
        _tile_stored(1, sums[0] + (j + 1) * LANES, 4 * PANEL);
        _tile_stored(2, sums[TILE] + j * LANES, 4 * PANEL);
        _tile_stored(3, sums[TILE] + (j + 1) * LANES, 4 * PANEL);
    }
    if (rows == 2 * TILE) return;
    tiles_clear();
    if (x) tiles_wide(4, x, x_row, rows, w_x, PANEL, whole_tiles(width));
    tiles_wide(4, h, h_row, rows, w_h, PANEL, whole_tiles(depth));
    _tile_stored(0, sums[0], 4 * PANEL);
    _tile_stored(1, sums[0] + LANES, 4 * PANEL);
    _tile_stored(2, sums[0] + 2 * LANES, 4 * PANEL);
    _tile_stored(3, sums[0] + 3 * LANES, 4 * PANEL);
}

/* What a matrix adds to a row's sums beyond whole tiles of depth. */
INLINE void add_beyond(const Step *s, const Matrix *m, i64 u, const float *a, vf acc[TILE_ROWS][4])
{
    i64 depth = words(m->width, HALF), beyond = beyond_tiles(depth), from = depth - beyond;
    const float *b = s->w->packed + m->ahead + (u * depth + from) * PANEL;
    tile_steps(HALF, 1, 4, a + from, 0, 1, b, PANEL, beyond, acc);
}

INLINE void tiled_rows(const Step *s, const int flags, i64 u, i64 row, int rows)
{
    float sums[2 * TILE][PANEL] __attribute__((aligned(64)));
    const Layer *l = s->l;
    tiled_sums(s, u, row, rows, sums);
    for (int m = 0; m < rows; m++) {
        vf acc[TILE_ROWS][4];
        start_row(s, u, row + m, acc[0]);
        UNROLL for (int j = 0; j < 4; j++) acc[0][j] = acc[0][j] + load(sums[m] + j * LANES);
        if (s->x) add_beyond(s, &l->ih, u, s->x + (row + m) * words(l->ih.stride, HALF), acc);
        add_beyond(s, &l->hh, u, state_of(s->tape, HALF) + (row + m) * words(l->stride, HALF), acc);
        finish_row(s, flags, HALF, u, row + m, acc[0]);
    }
}

static void tiled_step(const Step *s, int flags, i64 count)
{
    i64 u0 = count == 1 ? s->u0 : 0, u1 = count == 1 ? s->u1 : s->l->blocks;
    i64 row = s->t * s->w->batch + s->b0;
    for (i64 u = u0; u < u1; u++) {
        for (i64 first = 0, some = 0; first < count; first += some) {
            i64 left = count - first;
            some = left >= 2 * TILE ? 2 * TILE : least(left, TILE);
            if (flags) tiled_rows(s, flags, u, row + first, (int)some);
            else tiled_rows(s, 0, u, row + first, (int)some);
        }
    }
}
#endif

void fused_step(Step *s, i64 count)
{
    int flags = s->w->net->flags, kind = kind_of(s->w->net);
#ifdef TILES
    if (kind == HALF) {
        tiled_step(s, flags, count);
        return;
    }
#endif
    if (count == 1) {
        fused_single(s, flags, kind);
        return;
    }
    for (s->u = 0; s->u < s->l->blocks; s->u++) {
        switch (VARIANT(kind, flags)) {
        case 2 * FULL: fused_vanilla(s, count); break;
        case 2 * HALF: fused_half(s, count); break;
        case 2 * BYTE: fused_byte(s, count); break;
        case 2 * FULL + 1: fused_any(s, flags, count); break;
        case 2 * HALF + 1: fused_half_any(s, flags, count); break;
        default: fused_byte_any(s, flags, count);
        }
    }
}
