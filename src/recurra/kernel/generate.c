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

/* The tokens that step n reads. */
static const i64 *tokens_at(const Window *w, i64 n)
{
    return n ? w->job->drawn + (n - 1) * w->batch : w->job->tokens;
}

/* The same, their vectors put in place where they have some. */
static const i64 *read_tokens(Window *w, i64 n, i64 b0, i64 b1)
{
    const i64 *tokens = tokens_at(w, n);
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

/* Steps n .. end-1 of sequences b0 .. b1-1 on this thread. */
static void steps(Window *w, i64 n, i64 end, i64 b0, i64 b1, i64 thread)
{
    for (; n < end; n++) {
        const i64 *tokens = read_tokens(w, n, b0, b1);
        for (i64 k = 0; k < w->net->layers; k++) {
            layer_forward(w, k, w->x || k ? 0 : tokens, n, b0, b1);
        }
        draw(w, n, b0, b1, w->scratch + thread * w->scratch_floats);
        go_on(w, b0, b1);
    }
}

void generate(Window *w, i64 b0, i64 b1, i64 thread)
{
    for (i64 k = 0; k < w->net->layers; k++) layer_start(w, k, b0, b1);
    steps(w, 0, w->job->count, b0, b1, thread);
    keep_states(w, b0, b1);
}

/* Of weights that are read: where a step has fewer, meeting costs more than it brings. */
enum { SHARED_WORDS = 100000 };
/* And as many take some milliseconds, a turn on a processor. */
enum { PARTED_WORDS = 25 * 1000 * 1000 };

/* How many numbers of four bytes a step reads of the weights. */
static i64 step_words(const Net *net)
{
    i64 read = 0;
    for (i64 k = 0; k < net->layers; k++) {
        const Layer *l = &net->layer[k];
        i64 width = l->hh.width + (k || net->input != INPUT_ONE_HOT ? l->ih.width : 0);
        read += l->blocks * PANEL * words(width, kind_of(net));
    }
    return read;
}

int shares_steps(const Window *w)
{
    const Net *net = w->net;
    int whole_rows = CELL_FULL_GATE_RECURRENCE | CELL_LAYER_NORM;
    return w->job->mode == MODE_GENERATE && w->batch == 1 && !w->keep &&
           !(net->flags & whole_rows) && step_words(net) >= SHARED_WORDS;
}

/* Steps from n on, each thread some units of every layer, until one came late. Returns the next. */
static i64 shared_steps(Window *w, i64 n, i64 thread, i64 threads, void *pool)
{
    int late = 0;
    for (int parting = 0; n < w->job->count && !parting; n++) {
        const i64 *tokens = tokens_at(w, n);
        for (i64 k = 0; k < w->net->layers; k++) {
            i64 blocks = w->net->layer[k].blocks;
            layer_blocks(w, k, w->x || k ? 0 : tokens, n, blocks * thread / threads,
                         blocks * (thread + 1) / threads);
            late |= pool_barrier(pool, threads);
            if (kind_of(w->net) != BYTE) continue;
            /* Bytes have one step a row: only when all units are there. */
            if (thread == 0) layer_bytes(w, k);
            if (k + 1 < w->net->layers) late |= pool_barrier(pool, threads);
        }
        if (thread == 0) {
            draw(w, n, 0, 1, w->scratch);
            go_on(w, 0, 1);
            if (n + 1 < w->job->count) read_tokens(w, n + 1, 0, 1);
            w->parting = late;
        }
        late = pool_barrier(pool, threads);
        parting = w->parting;
    }
    return n;
}

/* Steps from n on by the first thread alone, at least so many and until the others have come. Returns
 * the next. */
static i64 lone_steps(Window *w, i64 n, i64 least_steps, i64 threads, const void *pool)
{
    i64 count = w->job->count, end = least(count, n + least_steps);
    steps(w, n, end, 0, 1, 0);
    for (n = end; n < count && !pool_others_wait(pool, threads); n++) steps(w, n, n + 1, 0, 1, 0);
    return n;
}

/* On a busy machine a thread waits for its turn on a processor, a thousand times longer than a step
 * takes. So the first goes on alone when another was late, for longer each time. */
void generate_together(Window *w, i64 thread, i64 threads, void *pool)
{
    i64 count = w->job->count, apart = PARTED_WORDS / step_words(w->net);
    for (i64 k = 0; k < w->net->layers && !thread; k++) layer_start(w, k, 0, 1);
    for (i64 n = 0;; apart *= 2) {
        if (thread == 0) {
            if (n < count) read_tokens(w, n, 0, 1);
            w->next = n;
        }
        pool_barrier(pool, threads);
        n = w->next;
        if (n == count) break;
        n = shared_steps(w, n, thread, threads, pool);
        if (thread == 0) n = lone_steps(w, n, apart, threads, pool);
    }
    if (thread == 0) keep_states(w, 0, 1);
}
