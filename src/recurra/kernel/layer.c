/* One layer through time, forward; step.c makes its steps, and backward.c goes back.
 *
 * 8-bit inputs are multiplied some steps at once, for their sums are scaled apart, and so are all
 * inputs with layer normalisation; all others within their step.
 */
#include "products.h"
#include "step.h"

/* A product with a forward panel, into the gates' tape: rows of unit block u. */
static Product ahead(const Window *w, const Matrix *m, const float *a, int kind, i64 u)
{
    i64 depth = words(m->width, kind);
    Product p = {.a = a, .a_row = words(m->stride, kind), .a_k = 1, .depth = depth, .blocks = 1,
                 .b = w->packed + m->ahead + u * depth * PANEL, .b_row = PANEL, .c_row = PANEL,
                 .b_step = w->packed + m->step + u * PANEL,
                 .b_offset = w->packed + m->offset + u * PANEL};
    return p;
}

/* W x + b of steps t0 .. t1-1 into the gates' tape (with layer norm, W x into v). */
static void input_sums(Window *w, i64 k, i64 t0, i64 t1, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    float *into = tape->v ? tape->v : tape->g;
    int whole = b0 == 0 && b1 == w->batch, kind = kind_of(w->net);
    const float *x = input_of(w, k, kind);
    for (i64 u = 0; u < l->blocks; u++) {
        for (i64 t = t0; t < t1; t += whole ? t1 - t0 : 1) {
            i64 row = t * w->batch + b0, count = whole ? (t1 - t0) * w->batch : b1 - b0;
            Product p = ahead(w, &l->ih, x + row * words(l->ih.stride, kind), kind, u);
            if (kind == BYTE) p.a_step = input_steps(w, k) + row;
            p.bias = tape->v ? 0 : w->packed + l->packed_bias + u * PANEL;
            p.c = into + (u * w->rows + row) * PANEL;
            product(&p, kind, count, 4);
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
        }
        if (copies_of(w->net)) copy_row(w->net, tape->h_in_half, row, l->stride, tape->h_in + at);
        if (kind_of(w->net) != BYTE) continue;
        quantise(tape->h_in + at, l->blocks * LANES, tape->h_in_byte + at, tape->h_in_step + row);
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

/* Rows of the new state as bytes, when all unit blocks of it are there. */
static void quantise_state(Window *w, i64 k, i64 row, i64 count)
{
    i64 stride = w->net->layer[k].stride, units = w->net->layer[k].blocks * LANES;
    const Tape *tape = &w->tape[k];
    for (i64 r = row; r < row + count; r++) {
        quantise(tape->h + r * stride, units, tape->h_in_byte + r * stride, tape->h_in_step + r);
    }
}

/* What the next layer reads, where it is not the state itself: dropout, and the residual sum; units
 * n0 .. n1-1 of some rows. */
static void output_rows(Window *w, i64 k, i64 row, i64 count, i64 n0, i64 n1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    const float *x = l->residual ? input_of(w, k, FULL) : 0;
    i64 state = w->batch * l->stride;
    int own = tape->out != tape->h + state;
    int own_half = copies_of(w->net) &&
                   tape->out_half != copied_row(w->net, tape->h_in_half, w->batch, l->stride);
    if (!own && !own_half) return;
    for (i64 r = row; r < row + count; r++) {
        uint16_t *copy = own_half ? copied_row(w->net, tape->out_half, r, l->stride) : 0;
        for (i64 n = n0; n < n1; n += LANES) {
            i64 at = r * l->stride + n;
            vf y = load(tape->h + state + at);
            if (tape->kept) y = y * kept_scale(w, tape->kept + at);
            if (x) y = y + load(x + at);
            if (own) store(tape->out + at, y);
            if (own_half) store_copy(kind_of(w->net), copy, n, y);
        }
    }
}

/* The same rows, of the state and of the output, as bytes: when all of their units are there. */
static void output_bytes(Window *w, i64 k, i64 row, i64 count)
{
    i64 stride = w->net->layer[k].stride, units = w->net->layer[k].blocks * LANES;
    const Tape *tape = &w->tape[k];
    int own = tape->out_byte != tape->h_in_byte + w->batch * stride;
    if (tape->h_in == tape->h) quantise_state(w, k, row + w->batch, count);
    for (i64 r = row; r < row + count && own; r++) {
        quantise(tape->out + r * stride, units, tape->out_byte + r * stride, tape->out_step + r);
    }
}

void layer_start(Window *w, i64 k, i64 b0, i64 b1)
{
    const Tape *tape = &w->tape[k];
    i64 stride = w->net->layer[k].stride;
    if (tape->h_in != tape->h) return; /* prepare_step makes them */
    for (i64 b = b0; b < b1 && copies_of(w->net); b++) {
        copy_row(w->net, tape->h_in_half, b, stride, tape->h + b * stride);
    }
    if (kind_of(w->net) == BYTE) quantise_state(w, k, b0, b1 - b0);
}

void layer_blocks(Window *w, i64 k, const i64 *tokens, i64 n, i64 u0, i64 u1)
{
    const Layer *l = &w->net->layer[k];
    Step s = {w, l, &w->tape[k], tokens, tokens ? 0 : input_of(w, k, kind_of(w->net)),
              input_steps(w, k), 0, 0, 0, u0, u1, blocks_down(n), 0};
    fused_step(&s, 1);
    output_rows(w, k, 0, 1, u0 * LANES, u1 < l->blocks ? u1 * LANES : l->stride);
}

void layer_bytes(Window *w, i64 k) { output_bytes(w, k, 0, 1); }

void layer_forward(Window *w, i64 k, const i64 *tokens, i64 n, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    i64 chunk = most(1, CHUNK_ROWS / most(1, b1 - b0)), count = b1 - b0;
    /* The input's product joins the recurrent one in its tile, where sums may go on: those of bytes
     * are scaled first, unless a sequence is alone, and layer normalisation wants both apart. */
    int joined = !tape->v && (kind_of(w->net) != BYTE || (count == 1 && w->time == 1));
    if (w->job->mode != MODE_GENERATE) layer_start(w, k, b0, b1);
    for (i64 t0 = 0; t0 < w->time; t0 += chunk) {
        i64 t1 = least(w->time, t0 + chunk);
        if (!tokens && !joined) input_sums(w, k, t0, t1, b0, b1);
        for (i64 t = t0; t < t1; t++) {
            i64 row = t * w->batch + b0;
            if (tape->h_in != tape->h) prepare_step(w, k, t, b0, b1);
            if (l->gg.width) gates_before(w, k, t, b0, b1);
            if (tape->v) {
                if (tokens) input_rows(w, k, tokens, row, count);
                norm_input(w, k, row, count);
                norm_forward(w, k, t, b0, b1);
            } else {
                const float *x = joined && !tokens ? input_of(w, k, kind_of(w->net)) : 0;
                Step s = {w, l, tape, tokens, x, input_steps(w, k), t, 0, b0, 0, l->blocks,
                          blocks_down(n + t), 0};
                fused_step(&s, count);
            }
            output_rows(w, k, row, count, 0, l->stride);
            if (kind_of(w->net) == BYTE) output_bytes(w, k, row, count);
        }
    }
    state_after(w, k, b0, b1);
}
