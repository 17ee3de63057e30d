/* Generation: read a token, draw the next, for as many as were asked for, in one call. */
#include "sampling.h"
#include "threads.h"
#include "window.h"

/* Draw token n of sequences b0 .. b1-1 from the top layer's state. */
static void draw(Window *w, i64 n, i64 b0, i64 b1, float *scratch)
{
    const RecurraJob *job = w->job;
    const Net *net = w->net;
    head_logits(w, b0, b1 - b0, w->logits + b0 * net->logit_stride);
    for (i64 b = b0; b < b1; b++) {
        job->drawn[n * w->batch + b] =
            sample(job, w->logits + b * net->logit_stride, net->outputs, job->lanes[b], n, scratch,
                   job->log_probs + n * w->batch + b);
    }
}

/* The tokens that step n reads, and their vectors where they have some. */
static const i64 *read_tokens(Window *w, i64 n, i64 b0, i64 b1)
{
    const i64 *tokens = n ? w->job->drawn + (n - 1) * w->batch : w->job->tokens;
    for (i64 b = b0; b < b1 && w->x; b++) place_input(w, b, input_row(w, b, tokens[b]));
    return tokens;
}

/* The state after a step becomes the one before the next. */
static void go_on(Window *w, i64 b0, i64 b1)
{
    for (i64 k = 0; k < w->net->layers; k++) {
        i64 stride = w->net->layer[k].stride, to = b0 * stride, from = to + w->batch * stride;
        i64 size = (b1 - b0) * stride;
        const Tape *tape = &w->tape[k];
        copy(tape->h + to, tape->h + from, size);
        copy(tape->c + to, tape->c + from, size);
        /* As floats: rows are padded to ROW numbers. */
        if (tape->h_in_half) {
            i64 row = words(stride, kind_of(w->net));
            float *copies = (float *)tape->h_in_half;
            copy(copies + b0 * row, copies + (w->batch + b0) * row, (b1 - b0) * row);
        }
        if (tape->h_in_byte) {
            copy((float *)(tape->h_in_byte + to), (float *)(tape->h_in_byte + from), size / 4);
            copy(tape->h_in_step + b0, tape->h_in_step + w->batch + b0, b1 - b0);
        }
    }
}

/* Leave the states in the job's. */
static void keep_states(Window *w, i64 b0, i64 b1)
{
    for (i64 k = 0; k < w->net->layers; k++) {
        const Layer *l = &w->net->layer[k];
        StatePart part = state_part(w->net, w->job->state_out, w->batch, k);
        for (i64 b = b0; b < b1; b++) {
            copy(part.h + b * l->units, w->tape[k].h + b * l->stride, l->units);
            if (part.c) copy(part.c + b * l->units, w->tape[k].c + b * l->stride, l->units);
        }
    }
}

void generate(Window *w, i64 b0, i64 b1, i64 thread)
{
    const Net *net = w->net;
    for (i64 k = 0; k < net->layers; k++) layer_start(w, k, b0, b1);
    for (i64 n = 0; n < w->job->count; n++) {
        const i64 *tokens = read_tokens(w, n, b0, b1);
        for (i64 k = 0; k < net->layers; k++) layer_forward(w, k, w->x || k ? 0 : tokens, n, b0, b1);
        draw(w, n, b0, b1, w->scratch + thread * w->scratch_floats);
        go_on(w, b0, b1);
    }
    keep_states(w, b0, b1);
}

enum { SHARED_WORDS = 100000 }; /* of weights a step: below, meeting costs more than it brings */

int shares_steps(const Window *w)
{
    const Net *net = w->net;
    int whole_rows = CELL_FULL_GATE_RECURRENCE | CELL_LAYER_NORM;
    if (w->job->mode != MODE_GENERATE || w->batch > 1 || w->keep || kind_of(net) == BYTE ||
        (net->flags & whole_rows)) {
        return 0;
    }
    i64 read = 0;
    for (i64 k = 0; k < net->layers; k++) {
        const Layer *l = &net->layer[k];
        i64 width = l->hh.width + (k || net->input != INPUT_ONE_HOT ? l->ih.width : 0);
        read += l->blocks * PANEL * words(width, kind_of(net));
    }
    return read >= SHARED_WORDS;
}

void generate_together(Window *w, i64 thread, i64 threads, void *pool)
{
    const Net *net = w->net;
    i64 count = w->job->count;
    int late = 0;
    if (thread == 0) {
        for (i64 k = 0; k < net->layers; k++) layer_start(w, k, 0, 1);
        if (count) read_tokens(w, 0, 0, 1);
    }
    late |= pool_barrier(pool, threads);
    for (i64 n = 0; n < count; n++) {
        const i64 *tokens = n ? w->job->drawn + n - 1 : w->job->tokens;
        /* One whose neighbour was late finishes alone: on a busy machine threads wait for their
         * turn on a processor, a thousand times longer than a step takes. */
        i64 sharing = w->alone ? 1 : threads;
        if (thread >= sharing) return;
        for (i64 k = 0; k < net->layers; k++) {
            i64 blocks = net->layer[k].blocks;
            layer_blocks(w, k, w->x || k ? 0 : tokens, n, blocks * thread / sharing,
                         blocks * (thread + 1) / sharing);
            if (sharing > 1) late |= pool_barrier(pool, sharing);
        }
        if (thread == 0) {
            draw(w, n, 0, 1, w->scratch);
            go_on(w, 0, 1);
            if (n + 1 < count) read_tokens(w, n + 1, 0, 1);
            if (late) w->alone = 1;
        }
        if (sharing > 1) late |= pool_barrier(pool, sharing) && thread == 0;
    }
    if (thread == 0) keep_states(w, 0, 1);
}
