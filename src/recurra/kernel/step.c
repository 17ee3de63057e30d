/* One step of a layer forward: products, gates and state in one go.
 *
 * A register tile holds the four gates of a unit block for some sequences: the products of
 * the input and of the state before are summed there, and become the new state before they leave the
 * registers. Where the processor has tiles of its own, tiled_step.c does it.
 */
#include "products.h"
#include "step_rows.h"
#include "tiles.h"

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

enum { FAR_WORDS = 100000 }; /* in a matrix: what is smaller is in the second cache */

/* acc += the product of some sequences, from b0 + first, with unit block s->u of a matrix. Where others
 * wait to meet the same weights, those of the next block come meanwhile: the first of them fetch it, a
 * part each. A single tile of rows has nothing to multiply while it waits. */
INLINE void fused_product(const Step *s, const Matrix *m, const int kind, const int rows,
                          const float *a, i64 first, vf acc[TILE_ROWS][4])
{
    i64 depth = words(m->width, kind), a_row = words(m->stride, kind), panel = depth * PANEL;
    const float *b = s->w->packed + m->ahead + s->u * panel;
    const float *next = b + (s->down ? -panel : panel);
    int far = s->several && panel * s->l->blocks > FAR_WORDS;
    a += (s->t * s->w->batch + s->b0 + first) * a_row;
    UNROLL for (int from = 0; from < 4; from += TILE_VECTORS) {
        vf(*some)[4] = (vf(*)[4])&acc[0][from];
        i64 part = (first / TILE_ROWS * 4 + from) / TILE_VECTORS * fetched_ahead(depth);
        const float *b_from = b + from * LANES;
        if (FETCHES && far && part < panel) {
            tile_steps_ahead(kind, rows, a, a_row, b_from, depth, next + part, some);
        } else {
            tile_steps(kind, rows, TILE_VECTORS, a, a_row, 1, b_from, PANEL, depth, some);
        }
    }
}

/* Gates and state of `rows` sequences of a step, from b0 + first, for one unit block. */
INLINE void fused_rows(
    const Step *s, const int flags, const int kind, const int rows, i64 first)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0 + first;
    vf acc[TILE_ROWS][4];
    UNROLL for (int m = 0; m < rows; m++) {
        if (kind == BYTE) start_byte_sums(w, &l->hh, s->u, acc[m]);
        else start_row(s, s->u, row + m, acc[m]);
    }
    if (s->x && kind != BYTE) fused_product(s, &l->ih, kind, rows, s->x, first, acc);
    fused_product(s, &l->hh, kind, rows, state_of(s->tape, kind), first, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        fused_product(s, &l->gg, FULL, rows, s->tape->gates_in, first, acc);
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
        i64 then = s->down ? u - blocks : u + blocks;
        const float *b = w->packed + next->ahead + then * words(next->width, kind) * PANEL;
        for (int line = 0; line < 32; line++) prefetch(b + line * ROW);
    }
    UNROLL for (int q = 0; q < blocks; q++) finish(s, flags, kind, u + q, row, acc[q]);
}

INLINE void single_row(const Step *s, const int flags, const int kind)
{
    for (i64 done = 0, blocks = 0; done < s->u1 - s->u0; done += blocks) {
        blocks = s->u1 - s->u0 - done >= SINGLE_BLOCKS ? SINGLE_BLOCKS : 1;
        i64 u = s->down ? s->u1 - done - blocks : s->u0 + done;
        if (blocks == SINGLE_BLOCKS) single_blocks(s, flags, kind, SINGLE_BLOCKS, u);
        else single_blocks(s, flags, kind, 1, u);
    }
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

void fused_step(Step *s, i64 count)
{
    int flags = s->w->net->flags, kind = kind_of(s->w->net);
#ifdef TILES
    if (kind == HALF || kind == SPLIT) {
        tiled_step(s, flags, count);
        return;
    }
#endif
    if (count == 1) {
        fused_single(s, flags, kind);
        return;
    }
    s->several = count > TILE_ROWS;
    for (i64 n = 0; n < s->l->blocks; n++) {
        s->u = nth_block(s, n, s->l->blocks);
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
