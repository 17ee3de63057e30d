/* See window.h. */
#include "window.h"

typedef struct { uint8_t *base; i64 used; } Arena;

static void *take(Arena *a, i64 bytes)
{
    i64 at = a->used;
    a->used += round_up(bytes, 64);
    return a->base ? a->base + at : (void *)0;
}

static float *take_floats(Arena *a, i64 count) { return take(a, 4 * count); }

static void lay_out_layer(Window *w, Arena *a, i64 k, int masked)
{
    const RecurraJob *job = w->job;
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    i64 rows = w->rows, panel_rows = l->blocks * rows * PANEL;
    int norm = (w->net->flags & CELL_LAYER_NORM) != 0;
    /* Layers run one after the other: without learning or tracing one tape of gates serves all. */
    int own = w->learns || job->trace;
    *tape = (Tape){0};
    tape->g = own || k == 0 ? take_floats(a, panel_rows) : 0;
    tape->h = take_floats(a, (rows + w->batch) * l->stride);
    tape->c = take_floats(a, (rows + w->batch) * l->stride);
    tape->y = take_floats(a, rows * l->stride);
    tape->h_in = masked ? take_floats(a, rows * l->stride) : tape->h;
    tape->out = tape->h ? tape->h + w->batch * l->stride : 0;
    if (job->mode == MODE_TRAIN && job->dropout > 0) tape->kept = take(a, rows * l->stride);
    if (tape->kept || l->residual || (job->mode == MODE_TRAIN && job->dropout > 0)) {
        tape->out = take_floats(a, rows * l->stride);
    }
    if (job->mode == MODE_TRAIN && job->recurrent_dropout > 0) {
        tape->mask = take_floats(a, w->batch * l->stride);
    }
    if (copies_of(w->net)) {
        i64 row = 4 * words(l->stride, kind_of(w->net));
        tape->h_in_half = take(a, (rows + w->batch) * row);
        tape->out_half = tape->h_in_half ? tape->h_in_half + w->batch * (row / 2) : 0;
        if (masked || tape->kept || l->residual) tape->out_half = take(a, rows * row);
    }
    if (kind_of(w->net) == BYTE) {
        tape->h_in_byte = take(a, (rows + w->batch) * l->stride);
        tape->h_in_step = take_floats(a, rows + w->batch);
        tape->out_byte = tape->h_in_byte ? tape->h_in_byte + w->batch * l->stride : 0;
        tape->out_step = tape->h_in_step ? tape->h_in_step + w->batch : 0;
        if (masked || l->residual) {
            tape->out_byte = take(a, rows * l->stride);
            tape->out_step = take_floats(a, rows);
        }
    }
    if (norm) {
        tape->v = take_floats(a, panel_rows);
        tape->u = take_floats(a, panel_rows);
        tape->dv = take_floats(a, panel_rows);
        tape->du = take_floats(a, panel_rows);
        tape->v_inverse = take_floats(a, rows);
        tape->u_inverse = take_floats(a, rows);
        tape->m_inverse = take_floats(a, rows);
        tape->m = take_floats(a, rows * l->stride);
        tape->dm = take_floats(a, rows * l->stride);
        tape->dm_scaled = take_floats(a, rows * l->stride);
    }
    if (l->gg.width) tape->gates_in = take_floats(a, rows * l->gg.stride);
}

i64 window_lay_out(Window *w, const RecurraJob *job, const Net *net, uint8_t *base)
{
    Arena a = {base, 0};
    w->job = job;
    w->net = net;
    w->packed = job->packed;
    w->time = job->mode == MODE_GENERATE ? 1 : job->time;
    w->batch = job->batch;
    w->rows = w->time * w->batch;
    w->threads = job->threads;
    w->next = w->parting = 0;
    w->learns = job->mode >= MODE_BACKWARD && job->mode <= MODE_TRAIN;
    int masked = job->resets || (job->mode == MODE_TRAIN && job->recurrent_dropout > 0);
    i64 rows = w->rows, widest_gates = 0, widest_in = GRADIENT_DEPTH * ROW;
    w->keep = job->resets ? take_floats(&a, rows) : 0;
    w->x = 0;
    w->x_half = 0;
    w->x_byte = 0;
    w->x_step = 0;
    if (net->input != INPUT_ONE_HOT) {
        w->x = take_floats(&a, rows * net->feature_stride);
        if (copies_of(net)) w->x_half = take(&a, 4 * rows * words(net->feature_stride, kind_of(net)));
        if (kind_of(net) == BYTE) {
            w->x_byte = take(&a, rows * net->feature_stride);
            w->x_step = take_floats(&a, rows);
        }
        widest_in = most(widest_in, GRADIENT_DEPTH * net->feature_stride);
    } else {
        widest_in = most(widest_in, net->tokens * PANEL);
    }
    for (i64 k = 0; k < net->layers; k++) {
        const Layer *l = &net->layer[k];
        lay_out_layer(w, &a, k, masked);
        widest_gates = most(widest_gates, l->gg.stride);
        i64 read = l->stride + l->gg.stride;
        if (k || net->input != INPUT_ONE_HOT) read += l->ih.stride;
        widest_in = most(widest_in, GRADIENT_DEPTH * read);
    }
    if (!w->tape[net->layers - 1].g) {
        /* The widest layer's tape serves all. */
        i64 most_blocks = 0;
        for (i64 k = 0; k < net->layers; k++) most_blocks = most(most_blocks, net->layer[k].blocks);
        float *g = take_floats(&a, most_blocks * rows * PANEL);
        for (i64 k = 0; k < net->layers; k++) w->tape[k].g = g;
    }
    /* About 32 MB of logits at a time, however large the vocabulary. */
    i64 per_step = w->batch * net->logit_stride;
    w->head_times = net->outputs ? most(1, least(w->time, (8 << 20) / per_step)) : 0;
    w->logits = take_floats(&a, w->head_times * per_step);
    w->share = take_floats(&a, rows);
    w->active = take(&a, w->time);
    w->scores = take(&a, 8 * 3 * rows);
    w->dy[0] = w->dy[1] = w->dh = w->dc = w->dgates = w->scratch = 0;
    w->squares = 0;
    w->dz = 0;
    w->sums = w->token_sums = 0;
    w->scratch_floats = 0;
    w->gates_row = widest_gates;
    w->dz_row = 0;
    w->wide_row = net->widest;
    if (w->learns) {
        /* With one-hot input the gradient of its vectors may be asked for. */
        if (net->input == INPUT_ONE_HOT && job->dinputs) {
            w->wide_row = most(w->wide_row, net->feature_stride);
        }
        w->dy[0] = take_floats(&a, rows * w->wide_row);
        w->dy[1] = take_floats(&a, rows * w->wide_row);
        w->dh = take_floats(&a, w->batch * w->wide_row);
        w->dc = take_floats(&a, w->batch * w->wide_row);
        w->dgates = take_floats(&a, w->batch * widest_gates);
        i64 widest = 0, of_tokens = net->layer[0].blocks * net->tokens * PANEL;
        for (i64 k = 0; k < net->layers; k++) widest = most(widest, net->layer[k].blocks);
        w->dz_row = words(widest * PANEL, SPLIT);
        w->sums = take_floats(&a, widest * PANEL);
        if (split_of(net)) w->dz = take_floats(&a, w->batch * w->dz_row);
        if (net->input == INPUT_ONE_HOT && of_tokens <= MOST_TOKEN_SUMS) {
            w->token_sums = take_floats(&a, of_tokens);
        }
        w->squares = take(&a, 8 * (net->params / SQUARES_CHUNK + 1));
        w->scratch_floats = widest_in + GRADIENT_DEPTH * PANEL;
        if (split_of(net)) w->scratch_floats += w->scratch_floats / 2; /* six bytes a number */
        w->scratch = take_floats(&a, w->threads * w->scratch_floats);
    } else if (job->mode == MODE_GENERATE) {
        w->scratch_floats = 6 * net->logit_stride + 64;
        w->scratch = take_floats(&a, w->threads * w->scratch_floats);
    }
    return a.used;
}

StatePart state_part(const Net *net, float *state, i64 batch, i64 k)
{
    for (i64 before = 0; before < k; before++) state += batch * layer_state(net, before);
    const Layer *l = &net->layer[k];
    StatePart part = {state, 0, 0};
    state += batch * l->units;
    if (!(net->flags & CELL_GRU)) {
        part.c = state;
        state += batch * l->units;
    }
    if (l->gg.width) part.gates = state;
    return part;
}
