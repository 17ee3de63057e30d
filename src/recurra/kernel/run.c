/* A job from its sizes to its results: checks first, then phases that meet at barriers. */
#include "functions.h"
#include "pack.h"
#include "random.h"
#include "threads.h"
#include "tiles.h"
#include "window.h"

enum { MOST_ROWS = 1 << 26, MOST_BATCH = 1 << 20 };

int64_t recurra_abi(void) { return RECURRA_ABI; }
int64_t recurra_job_size(void) { return (int64_t)sizeof(RecurraJob); }
int64_t recurra_lanes(void) { return LANES; }

int64_t recurra_parameters(const int64_t *description, int64_t length, int64_t *table)
{
    Net net;
    i64 refused = net_read(&net, description, length);
    if (refused) return refused;
    if (table) net_table(&net, table);
    return net.params;
}

int64_t recurra_packed_size(const int64_t *description, int64_t length)
{
    Net net;
    i64 refused = net_read(&net, description, length);
    return refused ? refused : net.packed;
}

int64_t recurra_state_size(const int64_t *description, int64_t length, int64_t batch)
{
    Net net;
    i64 refused = net_read(&net, description, length), size = 0;
    if (refused) return refused;
    if (batch < 1 || batch > MOST_BATCH) return REFUSED_SIZE;
    for (i64 k = 0; k < net.layers; k++) size += batch * layer_state(&net, k);
    return size;
}

int64_t recurra_function(int64_t which, const float *x, float *y, int64_t count)
{
    if (which < 0 || which > 2) return REFUSED_OPTION;
    for (i64 n = 0; n < count; n += LANES) {
        float at[LANES] = {0};
        i64 size = least(LANES, count - n);
        copy(at, x + n, size);
        vf v = load(at);
        v = which == 0 ? exponential(v) : which == 1 ? sigmoid(v) : hyperbolic_tangent(v);
        store(at, v);
        copy(y + n, at, size);
    }
    return 0;
}

/* Sizes and options; no pointer but the description is followed. */
static i64 check(const RecurraJob *job, Net *net)
{
    if (!job || job->abi != RECURRA_ABI) return REFUSED_VERSION;
    i64 refused = net_read(net, job->description, job->description_length);
    if (refused) return refused;
    if (job->mode < 0 || job->mode > MODE_GENERATE) return REFUSED_OPTION;
    i64 time = job->mode == MODE_GENERATE ? 1 : job->time;
    if (time < 1 || job->batch < 1 || job->batch > MOST_BATCH || time > MOST_ROWS ||
        time * job->batch > MOST_ROWS || job->threads < 1 || job->threads > MAX_THREADS ||
        job->count < 0 || job->count > MOST_ROWS) {
        return REFUSED_SIZE;
    }
    if (!(job->dropout >= 0 && job->dropout < 1) ||
        !(job->recurrent_dropout >= 0 && job->recurrent_dropout < 1)) {
        return REFUSED_OPTION;
    }
    int learns = job->mode >= MODE_BACKWARD && job->mode <= MODE_TRAIN;
    if (learns && net->kind == BYTE) return REFUSED_OPTION;
    int scored = job->mode == MODE_EVALUATE || job->mode >= MODE_GRADIENTS;
    if (scored && net->outputs < 1) return REFUSED_OPTION;
    if (job->mode == MODE_TRAIN &&
        (job->rule < RULE_SGD || job->rule > RULE_ADAMW || job->parts < 1 || job->part < 0 ||
         job->part >= job->parts || job->step < 1 || !(job->rate >= 0))) {
        return REFUSED_OPTION;
    }
    if (job->mode == MODE_GENERATE &&
        ((!job->greedy && !(job->temperature > 0)) || job->top_k < 0 || !(job->top_p > 0) ||
         net->input == INPUT_VECTOR || net->tokens < net->outputs)) {
        return REFUSED_OPTION;
    }
    return 0;
}

/* Whether the caller computes the loss: it learns in two halves, see recurra.h. */
static int foreign(const RecurraJob *job)
{
    return (job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN) &&
           (job->outputs || job->doutputs);
}

/* The arrays that a mode reads and writes are all there. */
static i64 check_arrays(const RecurraJob *job, const Net *net)
{
    int mode = (int)job->mode;
    int learns = mode >= MODE_BACKWARD && mode <= MODE_TRAIN;
    int missing = !job->params || !job->packed || !job->workspace || !job->state_in;
    missing |= net->input == INPUT_VECTOR ? !job->vectors : !job->tokens;
    missing |= (mode == MODE_EVALUATE || mode == MODE_GRADIENTS || mode == MODE_TRAIN) &&
               ((!job->targets && !foreign(job)) || !job->report);
    missing |= foreign(job) && job->outputs && job->doutputs;
    missing |= mode == MODE_BACKWARD && !job->doutputs;
    missing |= learns && !job->grads;
    missing |= mode == MODE_TRAIN && job->parts > 1 && !job->gathered;
    missing |= mode == MODE_TRAIN && job->rule != RULE_SGD && !job->second;
    missing |= mode == MODE_TRAIN && (job->rule >= RULE_ADAM) && !job->first;
    missing |= mode == MODE_GENERATE &&
               (!job->lanes || !job->drawn || !job->log_probs || !job->state_out);
    return missing ? REFUSED_MEMORY : 0;
}

static i64 check_tokens(const RecurraJob *job, const Net *net)
{
    i64 rows = (job->mode == MODE_GENERATE ? 1 : job->time) * job->batch;
    int scored = job->mode == MODE_EVALUATE || job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN;
    for (i64 r = 0; r < rows; r++) {
        if (net->input != INPUT_VECTOR && (uint64_t)job->tokens[r] >= (uint64_t)net->tokens) {
            return REFUSED_TOKEN;
        }
        if (scored && !foreign(job) && (uint64_t)job->targets[r] >= (uint64_t)net->outputs) {
            return REFUSED_TOKEN;
        }
    }
    return 0;
}

int64_t recurra_workspace_size(const RecurraJob *job)
{
    Net net;
    Window w;
    i64 refused = check(job, &net);
    /* `net` lies in no workspace: 64 layers fit the stack. One line of cache aligns the base. */
    return refused ? refused : window_lay_out(&w, job, &net, 0) + 64;
}

/* Serial and cheap: what every thread reads. */
static void prepare(Window *w)
{
    const RecurraJob *job = w->job;
    double total = 0.0;
    if (job->mode == MODE_GENERATE) return;
    for (i64 r = 0; r < w->rows; r++) {
        if (w->keep) w->keep[r] = job->resets[r] ? 0.0f : 1.0f;
        total += job->weights ? job->weights[r] : 1.0f;
    }
    if (!job->targets) return;
    double scale = 1.0 / (total > 1e-30 ? total : 1e-30);
    for (i64 t = 0; t < w->time; t++) {
        w->active[t] = 0;
        for (i64 r = t * w->batch; r < (t + 1) * w->batch; r++) {
            w->share[r] = (float)((job->weights ? job->weights[r] : 1.0f) * scale);
            w->active[t] |= w->share[r] != 0;
        }
    }
    if (job->report) job->report[3] = total;
}

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
    if (!w->x_half) return;
    for (i64 n = 0; n < net->feature_stride; n += LANES) {
        store_half(w->x_half + row * net->feature_stride + n, load(to + n));
    }
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

static void place(Window *w, i64 b0, i64 b1)
{
    for (i64 k = 0; k < w->net->layers; k++) {
        place_state(w, k, b0, b1);
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
static void write_trace(Window *w, i64 b0, i64 b1)
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
static void write_outputs(Window *w, i64 b0, i64 b1)
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

/* Gradients of the outputs as they were given, for steps t0 .. t1-1. */
static void given_gradient(Window *w, i64 t0, i64 t1, i64 b0, i64 b1)
{
    const Net *net = w->net;
    i64 top = net->layers - 1;
    for (i64 t = t0; t < t1; t++) {
        i64 row = t * w->batch + b0;
        if (!net->outputs) {
            i64 units = net->layer[top].units;
            for (i64 r = row; r < row + b1 - b0; r++) {
                float *dy = dy_of(w, top) + r * w->wide_row;
                clear(dy, w->wide_row);
                copy(dy, w->job->doutputs + r * units, units);
            }
            continue;
        }
        float *logits = w->logits + ((t - t0) * w->batch + b0) * net->logit_stride;
        for (i64 b = 0; b < b1 - b0; b++) {
            float *to = logits + b * net->logit_stride;
            copy(to, w->job->doutputs + (row + b) * net->outputs, net->outputs);
            clear(to + net->outputs, net->logit_stride - net->outputs);
            head_gradient_row(net, to);
        }
        head_pull(w, t, logits, b0, b1);
    }
}

/* Loss or given gradients, and with several rounds of logits the head's gradient with each. */
static void run_head(Window *w, i64 b0, i64 b1, i64 thread, i64 threads, void *pool)
{
    i64 step = w->head_times ? w->head_times : w->time;
    for (i64 t0 = 0; t0 < w->time; t0 += step) {
        i64 t1 = least(w->time, t0 + step);
        if (w->job->doutputs) given_gradient(w, t0, t1, b0, b1);
        else head_loss(w, t0, t1, b0, b1);
        if (!w->learns || step >= w->time) continue;
        pool_barrier(pool, threads);
        head_gradient(w, w->logits, t0, t1, t0 > 0, thread, threads);
        pool_barrier(pool, threads);
    }
}

static void run_backward(Window *w, i64 b0, i64 b1)
{
    const Net *net = w->net;
    const RecurraJob *job = w->job;
    for (i64 k = net->layers - 1; k >= 0; k--) {
        const Layer *l = &net->layer[k];
        layer_backward(w, k, b0, b1, k > 0 || net->input == INPUT_EMBEDDING || job->dinputs);
        if (!job->dstate) continue;
        StatePart part = state_part(net, job->dstate, w->batch, k);
        for (i64 b = b0; b < b1; b++) {
            copy(part.h + b * l->units, w->dh + b * w->wide_row, l->units);
            if (part.c) copy(part.c + b * l->units, w->dc + b * w->wide_row, l->units);
            if (part.gates) {
                copy(part.gates + b * l->gg.width, w->dgates + b * w->gates_row, l->gg.width);
            }
        }
    }
    for (i64 t = 0; t < w->time && job->dinputs; t++) {
        for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
            copy(job->dinputs + r * net->features, dx_of(w, 0) + r * w->wide_row, net->features);
        }
    }
}

static void gather(Window *w, i64 thread, i64 threads)
{
    const RecurraJob *job = w->job;
    i64 size = w->net->params, share = round_up((size + threads - 1) / threads, ROW);
    float scale = (float)(1.0 / (double)job->parts);
    for (i64 n = thread * share; n < least(size, (thread + 1) * share); n++) {
        job->gathered[n] = (job->part ? job->gathered[n] : 0.0f) + job->grads[n] * scale;
    }
}

/* Clip and update. Every thread computes the same scale from the same partial sums. */
static void learn(Window *w, i64 thread, i64 threads, void *pool)
{
    const RecurraJob *job = w->job;
    float *grads = job->grads;
    if (job->parts > 1) {
        pool_barrier(pool, threads);
        gather(w, thread, threads);
        if (job->part < job->parts - 1) return;
        grads = job->gathered;
    }
    pool_barrier(pool, threads);
    sum_squares(w, grads, thread, threads);
    pool_barrier(pool, threads);
    double norm = __builtin_sqrt(total_squares(w)), after = norm, scale = 1.0;
    if (job->clip_value > 0) {
        pool_barrier(pool, threads);
        scale_and_clip(w, grads, 1.0, job->clip_value, thread, threads);
        pool_barrier(pool, threads);
        sum_squares(w, grads, thread, threads);
        pool_barrier(pool, threads);
        after = __builtin_sqrt(total_squares(w));
    }
    if (job->clip_norm > 0 && after > job->clip_norm) scale = job->clip_norm / (after + 1e-6);
    update_weights(w, grads, scale, thread, threads);
    if (thread == 0) job->report[4] = norm;
}

static void phases(Window *w, i64 thread, i64 threads, void *pool)
{
    const RecurraJob *job = w->job;
    const Net *net = w->net;
    i64 b0 = w->batch * thread / threads, b1 = w->batch * (thread + 1) / threads;
    int second = foreign(job) && job->doutputs;
    if (job->pack && !second) {
        pack_weights(net, job->params, w->packed, w->learns ? (job->dinputs ? 2 : 1) : 0, thread,
                     threads);
    }
    if (!second) place(w, b0, b1);
    pool_barrier(pool, threads);
    if (job->mode == MODE_GENERATE) {
        if (threads > w->batch) generate_together(w, thread, threads, pool);
        else generate(w, b0, b1, thread);
        return;
    }
    const i64 *tokens = net->input == INPUT_ONE_HOT ? job->tokens : 0;
    for (i64 k = 0; k < net->layers && !second; k++) layer_forward(w, k, k ? 0 : tokens, b0, b1);
    if (job->trace) write_trace(w, b0, b1);
    int first = job->mode == MODE_FORWARD || (foreign(job) && !second);
    if (first && job->outputs) write_outputs(w, b0, b1);
    if (first) return;
    run_head(w, b0, b1, thread, threads, pool);
    if (!w->learns) return;
    run_backward(w, b0, b1);
    pool_barrier(pool, threads);
    if (net->outputs && w->head_times >= w->time) {
        head_gradient(w, w->logits, 0, w->time, 0, thread, threads);
    }
    if (net->input == INPUT_EMBEDDING) embedding_gradient(w, dx_of(w, 0), thread, threads);
    for (i64 k = 0; k < net->layers; k++) layer_gradients(w, k, thread, threads);
    if (job->mode == MODE_TRAIN) learn(w, thread, threads, pool);
}

static void work(void *context, i64 thread, i64 threads, void *pool)
{
    Window *w = context;
    if (w->net->half) tiles_start();
    phases(w, thread, threads, pool);
    if (w->net->half) tiles_stop();
}

/* The means over the window, summed in the order of the rows. */
static void report(const Window *w)
{
    double sums[3] = {0};
    for (i64 r = 0; r < w->rows; r++) {
        for (int k = 0; k < 3; k++) sums[k] += w->scores[3 * r + k];
    }
    for (int k = 0; k < 3; k++) w->job->report[k] = sums[k];
}

int64_t recurra_run(const RecurraJob *job)
{
    Net net;
    Window w;
    i64 refused = check(job, &net);
    if (!refused) refused = check_arrays(job, &net);
    if (refused) return refused;
    uint64_t base = ((uint64_t)(uintptr_t)job->workspace + 63) & ~(uint64_t)63;
    i64 bytes = window_lay_out(&w, job, &net, (uint8_t *)(uintptr_t)base);
    if (bytes + 64 > job->workspace_bytes) return REFUSED_MEMORY;
    refused = check_tokens(job, &net);
    if (refused) return refused;
    if (job->mode == MODE_GENERATE && job->state_out != job->state_in) {
        i64 floats = 0;
        for (i64 k = 0; k < net.layers; k++) floats += w.batch * layer_state(&net, k);
        copy(job->state_out, job->state_in, floats);
    }
    prepare(&w);
    i64 threads = least(job->threads, pool_threads(job->pool));
    if (!shares_steps(&w)) threads = least(threads, w.batch);
    pool_run(job->pool, threads, work, &w);
    if (job->mode == MODE_EVALUATE ||
        (!foreign(job) && (job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN))) {
        report(&w);
    }
    return job->mode == MODE_GENERATE ? job->count : 0;
}
