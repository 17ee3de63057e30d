/* One layer back through time. Gates on the tape are replaced by the gradients of their sums, and the
 * weights' gradients are made from those later, for the whole window (gradients.c).
 */
#include "cell.h"
#include "products.h"
#include "tiles.h"
#include "window.h"

/* Gradients of the sums of step t, from those of its state; dh and dc go one step back. */
INLINE void pull_rows(Window *w, i64 k, i64 t, i64 b0, i64 b1, const int flags, const int kind)
{
    const Layer *l = &w->net->layer[k];
    /* Copies, for the compiler cannot know that the stores below leave the originals alone. */
    const Tape copied = w->tape[k], *tape = &copied;
    const i64 slot = l->blocks * LANES, batch = w->batch, rows = w->rows, wide_row = w->wide_row;
    const i64 dz_row = w->dz_row;
    const float *keep = w->keep, *dy = dy_of(w, k);
    float *const dh_row = w->dh, *const dc_row = w->dc, *const dz = w->dz;
    for (i64 u = 0; u < l->blocks; u++) {
        const float *peephole = w->packed + l->packed_peephole + u * LANES;
        for (i64 b = b0; b < b1; b++) {
            i64 row = t * batch + b, at = row * l->stride + u * LANES;
            i64 side = b * wide_row + u * LANES;
            float *g = tape->g + (u * rows + row) * PANEL;
            vf gate[4], dh = load(dy + row * wide_row + u * LANES);
            if (tape->kept) dh = dh * kept_scale(w, tape->kept + at);
            dh = dh + load(dh_row + side);
            UNROLL for (int j = 0; j < 4; j++) gate[j] = load(g + j * LANES);
            if (flags & CELL_GRU) {
                vf h_prev = load(tape->h + at);
                if (keep) h_prev = h_prev * keep[row];
                store(dc_row + side, gru_gates_backward(gate, h_prev, dh));
            } else {
                vf y = load(tape->y + at), c_prev = load(tape->c + at), dgate[4];
                if (keep) c_prev = c_prev * keep[row];
                vf d_o = dh * y;
                if (flags & CELL_FULL_GATE_RECURRENCE) {
                    for (int j = 0; j < 4; j++) {
                        int of = w->net->gate_of_slot[j];
                        dgate[j] = zero();
                        if (of < 0) continue;
                        const float *from =
                            w->dgates + b * w->gates_row + of * l->units + u * LANES;
                        i64 real = least(LANES, l->units - u * LANES);
                        for (i64 i = 0; i < real; i++) dgate[j][i] = from[i];
                    }
                    d_o = d_o + dgate[3];
                }
                vf dc = load(dc_row + side);
                if (flags & CELL_LAYER_NORM) {
                    dc = dc + load(tape->dm + at); /* norm_backward has been there */
                } else {
                    dc = dc + cell_squash_backward(flags, dh, gate[3], y);
                }
                store(dc_row + side,
                      cell_gates_backward(flags, gate, c_prev, dc, d_o, dgate, peephole, slot));
            }
            UNROLL for (int j = 0; j < 4; j++) {
                if (kind == HALF) store_half((uint16_t *)g + j * LANES, gate[j]);
                else store(g + j * LANES, gate[j]);
                if (kind == SPLIT) {
                    uint16_t *to = (uint16_t *)(dz + b * dz_row);
                    store_copy(SPLIT, to, u * PANEL + j * LANES, gate[j]);
                }
            }
        }
    }
}

/* Constant flags for the vanilla cell, a variable for all others. */
INLINE void pull_kind(Window *w, i64 k, i64 t, i64 b0, i64 b1, const int kind)
{
    int flags = w->net->flags;
    if (flags) pull_rows(w, k, t, b0, b1, flags, kind);
    else pull_rows(w, k, t, b0, b1, 0, kind);
}

static void pull(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    switch (kind_of(w->net)) {
#ifndef RECURRA_FLOAT32_ONLY
    case HALF: pull_kind(w, k, t, b0, b1, HALF); break;
#endif
#ifdef TILES
    case SPLIT: pull_kind(w, k, t, b0, b1, SPLIT); break;
#endif
    default: pull_kind(w, k, t, b0, b1, FULL);
    }
}

/* A product of the gates' gradients with backward panels: rows from `row`. */
static Product back(const Window *w, const Layer *l, const Matrix *m, const float *dz, int half,
                    i64 row, float *into, i64 into_row)
{
    Product p = {.a = dz + row * PANEL, .a_row = PANEL, .a_k = 1, .a_block = w->rows * PANEL,
                 .depth = half ? PANEL / 2 : PANEL, .blocks = l->blocks,
                 .b = w->packed + m->back, .c = into, .c_row = into_row};
    return p;
}

/* The same of one step, for sequences from b0, with the gradients' copies. */
static Product back_split(
    const Window *w, const Layer *l, const Matrix *m, i64 b0, float *into, i64 into_row)
{
    Product p = {.a = w->dz + b0 * w->dz_row, .a_row = w->dz_row, .a_k = 1,
                 .depth = words(l->blocks * PANEL, SPLIT), .blocks = 1,
                 .b = w->packed + m->back, .c = into, .c_row = into_row};
    return p;
}

/* What goes around a layer, for rows of the window. */
static void add_residual(Window *w, i64 k, i64 row, i64 rows)
{
    const Layer *l = &w->net->layer[k];
    float *dx = dx_of(w, k);
    const float *dy = dy_of(w, k);
    for (i64 r = row; r < row + rows && l->residual; r++) {
        for (i64 n = r * w->wide_row; n < r * w->wide_row + l->stride; n += LANES) {
            store(dx + n, load(dx + n) + load(dy + n));
        }
    }
}

/* Mask and reset what goes back in time. */
static void finish_step_back(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    const float *mask = w->tape[k].mask;
    int gru = (w->net->flags & CELL_GRU) != 0;
    for (i64 b = b0; b < b1; b++) {
        float keep = w->keep ? w->keep[t * w->batch + b] : 1.0f;
        float *dh = w->dh + b * w->wide_row, *dc = w->dc + b * w->wide_row;
        for (i64 n = 0; n < l->blocks * LANES; n += LANES) {
            vf d = load(dh + n);
            if (mask) d = d * load(mask + b * l->stride + n);
            if (gru) d = d + load(dc + n); /* along the update gate */
            store(dh + n, d * keep);
            store(dc + n, load(dc + n) * keep);
        }
        if (l->gg.width) {
            float *dgates = w->dgates + b * w->gates_row;
            for (i64 n = 0; n < l->gg.width; n++) dgates[n] *= keep;
        }
    }
}

void layer_backward(Window *w, i64 k, i64 b0, i64 b1, int want_dx)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    int flags = w->net->flags, half = half_of(w->net), split = split_of(w->net);
    float *dx = dx_of(w, k);
    i64 count = b1 - b0;
    clear(w->dh + b0 * w->wide_row, count * w->wide_row);
    clear(w->dc + b0 * w->wide_row, count * w->wide_row);
    if (l->gg.width) clear(w->dgates + b0 * w->gates_row, count * w->gates_row);
    int plain = !w->keep && !tape->mask && !(flags & CELL_GRU);
    const float *du = tape->v ? tape->du : tape->g, *dv = tape->v ? tape->dv : tape->g;
    for (i64 t = w->time - 1; t >= 0; t--) {
        i64 row = t * w->batch + b0;
        if (flags & CELL_LAYER_NORM) norm_backward(w, k, t, b0, b1);
        pull(w, k, t, b0, b1);
        if (flags & CELL_LAYER_NORM) norm_input_backward(w, k, row, count);
        if (split && want_dx) {
            Product x = back_split(w, l, &l->ih, b0, dx + row * w->wide_row, w->wide_row);
            product_panels(&x, SPLIT, count, l->ih.width);
            add_residual(w, k, row, count);
        }
        /* The state before the window is a leaf: its gradient is made only when asked for. */
        if (t == 0 && !w->job->dstate) break;
        float *dh = w->dh + b0 * w->wide_row;
        Product p = split ? back_split(w, l, &l->hh, b0, dh, w->wide_row)
                          : back(w, l, &l->hh, du, half, row, dh, w->wide_row);
        product_panels(&p, kind_of(w->net), count, l->units);
        if (l->gg.width) {
            Product q = back(w, l, &l->gg, tape->g, 0, row, w->dgates + b0 * w->gates_row,
                             w->gates_row);
            product_panels(&q, 0, count, l->gg.width);
        }
        if (!plain) finish_step_back(w, k, t, b0, b1);
    }
    if (!want_dx || split) return;
    int whole = b0 == 0 && b1 == w->batch;
    i64 chunk = whole ? most(1, CHUNK_ROWS / most(1, count)) : 1;
    for (i64 t0 = 0; t0 < w->time; t0 += chunk) {
        i64 row = t0 * w->batch + b0;
        i64 rows = whole ? (least(w->time, t0 + chunk) - t0) * w->batch : count;
        Product p = back(w, l, &l->ih, dv, half, row, dx + row * w->wide_row, w->wide_row);
        product_panels(&p, half, rows, l->ih.width);
        add_residual(w, k, row, rows);
    }
}
