/* One layer through time: forward over a window, backward through it.
 *
 * Forward, the input products of some steps are made at once, then the recurrent product goes step
 * by step; its register tile holds the four gates of a unit block, which become the new state before
 * they leave the registers. Backward, gates on the tape are replaced by the gradients of their sums,
 * and the weights' gradients are made from those later, for the whole window (gradients.c).
 */
#include "cell.h"
#include "products.h"
#include "window.h"

enum { CHUNK_ROWS = 128 }; /* rows whose input products are made at once: they stay in the cache */

/* What the bottom layer or a layer above it reads. */
INLINE const float *input_of(const Window *w, i64 k, int half)
{
    if (half) return (const float *)(k ? w->tape[k - 1].out_half : w->x_half);
    return k ? w->tape[k - 1].out : w->x;
}

/* A product with a forward panel, into the gates' tape: rows of unit block u. */
static Product ahead(const Window *w, const Matrix *m, const float *a, int half, i64 u)
{
    i64 depth = half ? (m->width + 1) / 2 : m->width;
    i64 row = half ? m->stride / 2 : m->stride;
    Product p = {.a = a, .a_row = row, .a_k = 1, .depth = depth, .blocks = 1,
                 .b = w->packed + m->ahead + u * depth * PANEL, .b_row = PANEL, .c_row = PANEL};
    return p;
}

/* W x + b of steps t0 .. t1-1 into the gates' tape (with layer norm, W x into v). */
static void input_sums(Window *w, i64 k, i64 t0, i64 t1, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    float *into = tape->v ? tape->v : tape->g;
    int whole = b0 == 0 && b1 == w->batch, half = w->net->half;
    const float *x = input_of(w, k, half);
    i64 x_row = half ? l->ih.stride / 2 : l->ih.stride;
    for (i64 u = 0; u < l->blocks; u++) {
        for (i64 t = t0; t < t1; t += whole ? t1 - t0 : 1) {
            i64 row = t * w->batch + b0, count = whole ? (t1 - t0) * w->batch : b1 - b0;
            Product p = ahead(w, &l->ih, x + row * x_row, half, u);
            p.bias = tape->v ? 0 : w->packed + l->packed_bias + u * PANEL;
            p.c = into + (u * w->rows + row) * PANEL;
            product(&p, half, count, 4);
        }
    }
}

/* With layer norm and tokens: rows of the table into v. */
static void input_rows(Window *w, i64 k, const i64 *tokens, i64 row, i64 count)
{
    const Layer *l = &w->net->layer[k];
    for (i64 u = 0; u < l->blocks; u++) {
        const float *table = w->packed + l->ih.ahead + u * l->ih.width * PANEL;
        float *v = w->tape[k].v + u * w->rows * PANEL;
        for (i64 r = row; r < row + count; r++) copy(v + r * PANEL, table + tokens[r] * PANEL, PANEL);
    }
}

/* Make what the products of step t read, where it is not the state itself: reset sequences start
 * from zero, and recurrent dropout takes some units. */
static void prepare_step(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    for (i64 b = b0; b < b1; b++) {
        i64 row = t * w->batch + b, at = row * l->stride;
        float keep = w->keep ? w->keep[row] : 1.0f;
        const float *mask = tape->mask ? tape->mask + b * l->stride : 0;
        for (i64 n = 0; n < l->stride; n += LANES) {
            vf h = load(tape->h + at + n) * keep;
            if (mask) h = h * load(mask + n);
            store(tape->h_in + at + n, h);
            if (w->net->half) store_half(tape->h_in_half + at + n, h);
        }
    }
}

typedef struct {
    Window *w;
    const Layer *l;
    Tape *tape;
    const i64 *tokens; /* of a one-hot bottom layer, or null */
    const float *x;    /* input rows still to be multiplied (single sequences), or null */
    i64 t, u, b0;
} Step;

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
INLINE void finish_row(const Step *s, const int flags, const int half, i64 u, i64 row, vf acc[4])
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
    if (half && tape->h_in == tape->h) store_half(tape->h_in_half + after, h);
}

/* Gates and state of `rows` sequences of a step, from b0 + first, for one unit block. */
INLINE void fused_rows(
    const Step *s, const int flags, const int half, const int rows, i64 first)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0 + first;
    i64 depth = half ? (l->units + 1) / 2 : l->units, stride = half ? l->stride / 2 : l->stride;
    const float *h_in = half ? (const float *)s->tape->h_in_half : s->tape->h_in;
    vf acc[TILE_ROWS][4];
    UNROLL for (int m = 0; m < rows; m++) start_row(s, s->u, row + m, acc[m]);
    tile_steps(half, rows, 4, h_in + row * stride, stride, 1,
               w->packed + l->hh.ahead + s->u * depth * PANEL, PANEL, depth, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        tile_steps(0, rows, 4, s->tape->gates_in + row * l->gg.stride, l->gg.stride, 1,
                   w->packed + l->gg.ahead + s->u * l->gg.width * PANEL, PANEL, l->gg.width, acc);
    }
    UNROLL for (int m = 0; m < rows; m++) finish_row(s, flags, half, s->u, row + m, acc[m]);
}

/* A single sequence: too few rows to fill a tile, so several unit blocks go side by side, each
 * summed in the same order as in a tile. What costs is the way of the weights from the cache. */
enum { SINGLE_BLOCKS = 2 };

INLINE void single_steps(const int half, const int blocks, const float *a, const float *b,
                         i64 depth, vf acc[SINGLE_BLOCKS][4])
{
    for (i64 k = 0; k < depth; k++) {
        vf x = splat(a[k]);
        UNROLL for (int q = 0; q < blocks; q++) {
            UNROLL for (int j = 0; j < 4; j++) {
                acc[q][j] = tile_multiply_add(
                    half, x, load(b + (q * depth + k) * PANEL + j * LANES), acc[q][j]);
            }
        }
    }
}

INLINE void single_blocks(const Step *s, const int flags, const int half, const int blocks, i64 u)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0;
    vf acc[SINGLE_BLOCKS][4];
    UNROLL for (int q = 0; q < blocks; q++) start_row(s, u + q, row, acc[q]);
    if (s->x) {
        i64 depth = half ? (l->ih.width + 1) / 2 : l->ih.width;
        const float *x = s->x + row * (half ? l->ih.stride / 2 : l->ih.stride);
        single_steps(half, blocks, x, w->packed + l->ih.ahead + u * depth * PANEL, depth, acc);
    }
    i64 depth = half ? (l->units + 1) / 2 : l->units;
    const float *h = half ? (const float *)s->tape->h_in_half : s->tape->h_in;
    single_steps(half, blocks, h + row * (half ? l->stride / 2 : l->stride),
                 w->packed + l->hh.ahead + u * depth * PANEL, depth, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        single_steps(0, blocks, s->tape->gates_in + row * l->gg.stride,
                     w->packed + l->gg.ahead + u * l->gg.width * PANEL, l->gg.width, acc);
    }
    UNROLL for (int q = 0; q < blocks; q++) finish_row(s, flags, half, u + q, row, acc[q]);
}

INLINE void single_row(const Step *s, const int flags, const int half)
{
    i64 u = 0;
    for (; u + SINGLE_BLOCKS <= s->l->blocks; u += SINGLE_BLOCKS) {
        single_blocks(s, flags, half, SINGLE_BLOCKS, u);
    }
    for (; u < s->l->blocks; u++) single_blocks(s, flags, half, 1, u);
}

#define FUSED(rows) fused_rows(s, 0, 0, rows, first)
#define FUSED_HALF(rows) fused_rows(s, 0, 1, rows, first)
#define FUSED_ANY(rows) fused_rows(s, flags, 0, rows, first)
#define FUSED_HALF_ANY(rows) fused_rows(s, flags, 1, rows, first)

static void fused_vanilla(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED) }
static void fused_half(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED_HALF) }
static void fused_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_ANY)
}
static void fused_half_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_HALF_ANY)
}

/* One step of `count` sequences: all unit blocks. */
static void fused_step(Step *s, i64 count)
{
    int flags = s->w->net->flags, half = s->w->net->half;
    if (count == 1) {
        if (half && flags) single_row(s, flags, 1);
        else if (half) single_row(s, 0, 1);
        else if (flags) single_row(s, flags, 0);
        else single_row(s, 0, 0);
        return;
    }
    for (s->u = 0; s->u < s->l->blocks; s->u++) {
        if (half && flags) fused_half_any(s, flags, count);
        else if (half) fused_half(s, count);
        else if (flags) fused_any(s, flags, count);
        else fused_vanilla(s, count);
    }
}

/* The gates proper of one row of the tape, in the columns of a state. */
static void gates_of(const Window *w, i64 k, i64 row, float *to)
{
    const Layer *l = &w->net->layer[k];
    for (int s = 0; s < 4; s++) {
        int gate = w->net->gate_of_slot[s];
        for (i64 n = 0; n < l->units && gate >= 0; n++) {
            const float *g = w->tape[k].g + (n / LANES * w->rows + row) * PANEL;
            to[gate * l->units + n] = g[s * LANES + n % LANES];
        }
    }
}

/* Gates of step t - 1 as step t reads them, in the columns of the state. */
static void gates_before(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    for (i64 b = b0; b < b1; b++) {
        i64 row = t * w->batch + b;
        float keep = w->keep ? w->keep[row] : 1.0f;
        float *to = tape->gates_in + row * l->gg.stride;
        if (t == 0) {
            /* While generating, every step is a window of one, and state_out goes along. */
            int goes_on = w->job->mode == MODE_GENERATE;
            StatePart state = state_part(
                w->net, goes_on ? w->job->state_out : (float *)w->job->state_in, w->batch, k);
            for (i64 n = 0; n < l->gg.width; n++) to[n] = state.gates[b * l->gg.width + n] * keep;
        } else {
            gates_of(w, k, row - w->batch, to);
            for (i64 n = 0; n < l->gg.width; n++) to[n] *= keep;
        }
        clear(to + l->gg.width, l->gg.stride - l->gg.width);
    }
}

/* Leave the state after the window in the job's. Before the tape of gates is used again. */
static void state_after(Window *w, i64 k, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    if (!w->job->state_out) return;
    StatePart part = state_part(w->net, w->job->state_out, w->batch, k);
    for (i64 b = b0; b < b1; b++) {
        i64 from = (w->rows + b) * l->stride, last = w->rows - w->batch + b;
        if (w->job->mode != MODE_GENERATE) {
            copy(part.h + b * l->units, tape->h + from, l->units);
            if (part.c) copy(part.c + b * l->units, tape->c + from, l->units);
        }
        if (part.gates) gates_of(w, k, last, part.gates + b * l->gg.width);
    }
}

/* What the next layer reads, where it is not the state itself: dropout, and the residual sum. */
static void output_rows(Window *w, i64 k, i64 row, i64 count)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    const float *x = l->residual ? input_of(w, k, 0) : 0;
    i64 state = w->batch * l->stride;
    int own = tape->out != tape->h + state;
    int own_half = w->net->half && tape->out_half != tape->h_in_half + state;
    if (!own && !own_half) return;
    for (i64 n = row * l->stride; n < (row + count) * l->stride; n += LANES) {
        vf y = load(tape->h + state + n);
        if (tape->kept) y = y * kept_scale(w, tape->kept + n);
        if (x) y = y + load(x + n);
        if (own) store(tape->out + n, y);
        if (own_half) store_half(tape->out_half + n, y);
    }
}

void layer_forward(Window *w, i64 k, const i64 *tokens, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    i64 chunk = most(1, CHUNK_ROWS / most(1, b1 - b0)), count = b1 - b0;
    /* One row of input has no product of its own: it joins the recurrent one. */
    int alone = count == 1 && w->time == 1 && !tape->v;
    if (w->net->half && tape->h_in == tape->h) {
        for (i64 n = b0 * l->stride; n < b1 * l->stride; n += LANES) {
            store_half(tape->h_in_half + n, load(tape->h + n));
        }
    }
    for (i64 t0 = 0; t0 < w->time; t0 += chunk) {
        i64 t1 = least(w->time, t0 + chunk);
        if (!tokens && !alone) input_sums(w, k, t0, t1, b0, b1);
        for (i64 t = t0; t < t1; t++) {
            i64 row = t * w->batch + b0;
            if (tape->h_in != tape->h) prepare_step(w, k, t, b0, b1);
            if (l->gg.width) gates_before(w, k, t, b0, b1);
            if (tape->v) {
                if (tokens) input_rows(w, k, tokens, row, count);
                norm_input(w, k, row, count);
                norm_forward(w, k, t, b0, b1);
            } else {
                const float *x = alone && !tokens ? input_of(w, k, w->net->half) : 0;
                Step s = {w, l, tape, tokens, x, t, 0, b0};
                fused_step(&s, count);
            }
            output_rows(w, k, row, count);
        }
    }
    state_after(w, k, b0, b1);
}

/* Gradients of the sums of step t, from those of its state; dh and dc go one step back. */
INLINE void pull_rows(Window *w, i64 k, i64 t, i64 b0, i64 b1, const int flags, const int half)
{
    const Layer *l = &w->net->layer[k];
    /* Copies, for the compiler cannot know that the stores below leave the originals alone. */
    const Tape copied = w->tape[k], *tape = &copied;
    const i64 slot = l->blocks * LANES, batch = w->batch, rows = w->rows, wide_row = w->wide_row;
    const float *keep = w->keep, *dy = dy_of(w, k);
    float *const dh_row = w->dh, *const dc_row = w->dc;
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
                if (half) store_half((uint16_t *)g + j * LANES, gate[j]);
                else store(g + j * LANES, gate[j]);
            }
        }
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
    int flags = w->net->flags, half = w->net->half;
    i64 count = b1 - b0;
    clear(w->dh + b0 * w->wide_row, count * w->wide_row);
    clear(w->dc + b0 * w->wide_row, count * w->wide_row);
    if (l->gg.width) clear(w->dgates + b0 * w->gates_row, count * w->gates_row);
    int plain = !w->keep && !tape->mask && !(flags & CELL_GRU);
    const float *du = tape->v ? tape->du : tape->g, *dv = tape->v ? tape->dv : tape->g;
    for (i64 t = w->time - 1; t >= 0; t--) {
        i64 row = t * w->batch + b0;
        if (flags & CELL_LAYER_NORM) norm_backward(w, k, t, b0, b1);
        if (half && flags) pull_rows(w, k, t, b0, b1, flags, 1);
        else if (half) pull_rows(w, k, t, b0, b1, 0, 1);
        else if (flags) pull_rows(w, k, t, b0, b1, flags, 0);
        else pull_rows(w, k, t, b0, b1, 0, 0);
        if (flags & CELL_LAYER_NORM) norm_input_backward(w, k, row, count);
        /* The state before the window is a leaf: its gradient is made only when asked for. */
        if (t == 0 && !w->job->dstate) break;
        Product p = back(w, l, &l->hh, du, half, row, w->dh + b0 * w->wide_row, w->wide_row);
        product_panels(&p, half, count, l->units);
        if (l->gg.width) {
            Product q = back(w, l, &l->gg, tape->g, 0, row, w->dgates + b0 * w->gates_row,
                             w->gates_row);
            product_panels(&q, 0, count, l->gg.width);
        }
        if (!plain) finish_step_back(w, k, t, b0, b1);
    }
    if (!want_dx) return;
    float *dx = dx_of(w, k);
    const float *dy = dy_of(w, k);
    int whole = b0 == 0 && b1 == w->batch;
    i64 chunk = whole ? most(1, CHUNK_ROWS / most(1, count)) : 1;
    for (i64 t0 = 0; t0 < w->time; t0 += chunk) {
        i64 row = t0 * w->batch + b0;
        i64 rows = whole ? (least(w->time, t0 + chunk) - t0) * w->batch : count;
        Product p = back(w, l, &l->ih, dv, half, row, dx + row * w->wide_row, w->wide_row);
        product_panels(&p, half, rows, l->ih.width);
        for (i64 r = row; r < row + rows && l->residual; r++) {
            for (i64 n = r * w->wide_row; n < r * w->wide_row + l->stride; n += LANES) {
                store(dx + n, load(dx + n) + load(dy + n));
            }
        }
    }
}
