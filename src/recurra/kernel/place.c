/* Between the caller's arrays and the tapes: inputs, states and masks before the passes, traces and
 * outputs after them. */
#include "random.h"
#include "window.h"

/* Bytes that say which of `count` numbers, from element `first` of a mask, dropout keeps. */
static void keep_bytes(const RecurraJob *job, double rate, uint64_t stream, i64 lane, i64 first,
                       i64 count, uint8_t *kept)
{
    uint32_t threshold = (uint32_t)(rate * 65536.0 + 0.5);
    uint64_t words[4] = {0};
    for (i64 n = 0; n < count; n++) {
        i64 at = first + n;
        if (n == 0 || at % 16 == 0) {
            random_block((uint64_t)job->seed, stream, (uint64_t)(at / 16), (uint64_t)lane,
                         (uint64_t)job->index, words);
        }
        uint32_t bits = (uint32_t)(words[at % 16 / 4] >> (at % 4 * 16)) & 0xffffu;
        kept[n] = bits >= threshold;
    }
}

/* This thread's rows of the masks of a layer. */
static void draw_masks(Window *w, i64 k, i64 b0, i64 b1)
{
    const RecurraJob *job = w->job;
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    for (i64 t = 0; t < w->time && tape->kept; t++) {
        for (i64 b = b0; b < b1; b++) {
            i64 row = t * w->batch + b;
            uint8_t *to = tape->kept + row * l->stride;
            keep_bytes(job, job->dropout, STREAM_DROPOUT, k, row * l->units, l->units, to);
            for (i64 n = l->units; n < l->stride; n++) to[n] = 0;
        }
    }
    for (i64 b = b0; b < b1 && tape->mask; b++) {
        float *to = tape->mask + b * l->stride;
        double dropped = (double)(i64)(job->recurrent_dropout * 65536.0 + 0.5);
        float scale = (float)(65536.0 / (65536.0 - dropped));
        for (i64 n = 0; n < l->units; n += 256) {
            uint8_t kept[256];
            i64 size = least(256, l->units - n);
            keep_bytes(job, job->recurrent_dropout, STREAM_RECURRENT_DROPOUT, k, b * l->units + n,
                       size, kept);
            for (i64 j = 0; j < size; j++) to[n + j] = kept[j] ? scale : 0.0f;
        }
        clear(to + l->units, l->stride - l->units);
    }
}

void place_input(Window *w, i64 row, const float *from)
{
    const Net *net = w->net;
    float *to = w->x + row * net->feature_stride;
    copy(to, from, net->features);
    clear(to + net->features, net->feature_stride - net->features);
    if (w->x_byte) {
        quantise(to, net->feature_stride, w->x_byte + row * net->feature_stride, w->x_step + row);
    }
    if (w->x_half) copy_row(net, w->x_half, row, net->feature_stride, to);
}

const float *input_row(const Window *w, i64 row, i64 token)
{
    const Net *net = w->net;
    if (net->input == INPUT_VECTOR) return w->job->vectors + row * net->features;
    return w->job->params + net->embedding + token * net->feature_stride;
}

/* The state before the window, padded, as the tapes' first rows. */
static void place_state(Window *w, i64 k, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    StatePart part = state_part(w->net, (float *)w->job->state_in, w->batch, k);
    for (i64 b = b0; b < b1; b++) {
        float *h = tape->h + b * l->stride, *c = tape->c + b * l->stride;
        clear(h, l->stride);
        clear(c, l->stride);
        copy(h, part.h + b * l->units, l->units);
        if (part.c) copy(c, part.c + b * l->units, l->units);
    }
}

/* Zeros in what pads the lines of copies that are written vector by vector. */
static void clear_copies(Window *w, i64 k, i64 b0, i64 b1)
{
    const Tape *tape = &w->tape[k];
    i64 stride = w->net->layer[k].stride;
    if (!split_of(w->net) || stride % LINE == 0) return;
    for (i64 t = 0; t <= w->time; t++) {
        for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
            store_copy(SPLIT, copied_row(w->net, tape->h_in_half, r, stride), stride, zero());
            if (t == w->time) continue;
            store_copy(SPLIT, copied_row(w->net, tape->out_half, r, stride), stride, zero());
        }
    }
}

void window_place(Window *w, i64 b0, i64 b1)
{
    for (i64 k = 0; k < w->net->layers; k++) {
        place_state(w, k, b0, b1);
        clear_copies(w, k, b0, b1);
        draw_masks(w, k, b0, b1);
    }
    if (!w->x || w->job->mode == MODE_GENERATE) return;
    for (i64 t = 0; t < w->time; t++) {
        for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
            place_input(w, r, input_row(w, r, w->job->tokens ? w->job->tokens[r] : 0));
        }
    }
}

/* Gates, cell state and hidden state of every layer, one array [T, B, H] after the other. */
void window_trace(Window *w, i64 b0, i64 b1)
{
    float *to = w->job->trace;
    int gru = (w->net->flags & CELL_GRU) != 0;
    for (i64 k = 0; k < w->net->layers; k++) {
        const Layer *l = &w->net->layer[k];
        const Tape *tape = &w->tape[k];
        i64 size = w->rows * l->units;
        for (int s = 0; s < 4; s++) {
            if (l->ih.row_of_slot[s] < 0) continue;
            for (i64 t = 0; t < w->time; t++) {
                for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
                    for (i64 n = 0; n < l->units; n++) {
                        const float *g = tape->g + (n / LANES * w->rows + r) * PANEL;
                        to[r * l->units + n] = g[s * LANES + n % LANES];
                    }
                }
            }
            to += size;
        }
        for (int which = gru; which < 2; which++) {
            const float *from = (which ? tape->h : tape->c) + w->batch * l->stride;
            for (i64 t = 0; t < w->time; t++) {
                for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
                    copy(to + r * l->units, from + r * l->stride, l->units);
                }
            }
            to += size;
        }
    }
}

/* Outputs of this thread's rows: logits, or the stack's output without a head. */
void window_outputs(Window *w, i64 b0, i64 b1)
{
    const Net *net = w->net;
    i64 top = net->layers - 1, stride = net->layer[top].stride;
    i64 width = net->outputs ? net->outputs : net->layer[top].units;
    for (i64 t = 0; t < w->time; t++) {
        i64 row = t * w->batch + b0;
        const float *from = w->tape[top].out + row * stride;
        i64 from_row = stride;
        if (net->outputs) {
            float *logits = w->logits + (t % w->head_times * w->batch + b0) * net->logit_stride;
            head_logits(w, row, b1 - b0, logits);
            from = logits;
            from_row = net->logit_stride;
        }
        for (i64 b = 0; b < b1 - b0; b++) {
            copy(w->job->outputs + (row + b) * width, from + b * from_row, width);
        }
    }
}
