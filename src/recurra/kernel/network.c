/* See network.h. */
#include "network.h"

#include "tiles.h"

typedef struct {
    i64 *table;
    i64 count, cursor;
} Writer;

/* Reserve a tensor; rows are padded. Returns its offset. */
static i64 tensor(Writer *w, i64 rows, i64 columns)
{
    i64 stride = round_up(columns, ROW), offset = w->cursor;
    if (w->table) {
        i64 *entry = w->table + 4 * w->count;
        entry[0] = offset;
        entry[1] = rows;
        entry[2] = columns;
        entry[3] = stride;
    }
    w->count++;
    w->cursor += rows * stride;
    return offset;
}

/* Lay the weights out in the order of core/parameters.py. */
static i64 lay_out_parameters(Net *net, i64 *table)
{
    Writer w = {table, 0, 0};
    int flags = net->flags;
    net->embedding = net->head_weight = -1;
    if (net->input == INPUT_EMBEDDING) net->embedding = tensor(&w, net->tokens, net->features);
    for (i64 k = 0; k < net->layers; k++) {
        Layer *l = &net->layer[k];
        i64 rows = net->gates * l->units;
        l->ih.weight = tensor(&w, rows, l->ih.width);
        l->hh.weight = tensor(&w, rows, l->hh.width);
        l->bias_ih = tensor(&w, 1, rows);
        l->bias_hh = l->peephole = l->norm_ih = l->norm_hh = l->norm_c = -1;
        if (flags & CELL_GRU) l->bias_hh = tensor(&w, 1, rows);
        if ((flags & CELL_PEEPHOLE) && net->sigmoids) {
            l->peephole = tensor(&w, net->sigmoids, l->units);
        }
        if (l->gg.width) l->gg.weight = tensor(&w, l->gg.width, l->gg.width);
        if (flags & CELL_LAYER_NORM) {
            l->norm_ih = tensor(&w, 1, rows);
            l->norm_hh = tensor(&w, 1, rows);
            l->norm_c = tensor(&w, 2, l->units);
        }
    }
    if (net->outputs) {
        i64 top = net->layer[net->layers - 1].units;
        if (!net->tied) net->head_weight = tensor(&w, net->outputs, top);
        net->head_bias = tensor(&w, 1, net->outputs);
        if (net->tied) net->head_weight = net->embedding;
        net->head_stride = round_up(top, ROW);
    }
    net->params = w.cursor;
    return w.count;
}

static i64 reserve(i64 *cursor, i64 floats)
{
    i64 offset = *cursor;
    *cursor += round_up(floats, ROW);
    return offset;
}

static void reserve_matrix(const Net *net, const Layer *l, Matrix *m, int rows_only, i64 *cursor)
{
    /* Tokens pick whole float32 rows. */
    int kind = rows_only ? FULL : kind_of(net);
    i64 entries = l->blocks * PANEL;
    m->ahead = reserve(cursor, entries * words(m->width, kind));
    m->step = m->offset = m->back = -1;
    if (kind == BYTE) {
        m->step = reserve(cursor, entries);
        m->offset = reserve(cursor, entries);
    } else if (!rows_only) {
        m->back = reserve(cursor, words(entries, kind) * round_up(m->width, LANES));
    }
}

static void lay_out_packed(Net *net)
{
    i64 cursor = 0;
    for (i64 k = 0; k < net->layers; k++) {
        Layer *l = &net->layer[k];
        i64 entries = l->blocks * PANEL, units = l->blocks * LANES;
        reserve_matrix(net, l, &l->ih, k == 0 && net->input == INPUT_ONE_HOT, &cursor);
        /* The gradient of one-hot vectors is asked for by tests and saliency only. */
        if (l->ih.back < 0 && kind_of(net) != BYTE) {
            l->ih.back = reserve(
                &cursor, most(entries, words(entries, kind_of(net))) * round_up(l->ih.width, LANES));
        }
        reserve_matrix(net, l, &l->hh, 0, &cursor);
        if (l->gg.width) reserve_matrix(net, l, &l->gg, 0, &cursor);
        l->packed_bias = reserve(&cursor, entries);
        l->packed_norm_ih = reserve(&cursor, entries);
        l->packed_norm_hh = reserve(&cursor, entries);
        l->packed_mask = reserve(&cursor, entries);
        l->packed_peephole = reserve(&cursor, 4 * units);
        l->packed_norm_c = reserve(&cursor, 2 * units);
    }
    i64 top = net->layer[net->layers - 1].units;
    net->packed_head = reserve(&cursor, words(top, head_kind_of(net)) * net->logit_stride);
    net->packed_head_back = net->packed_head_step = net->packed_head_offset = -1;
    net->packed_head_bias = reserve(&cursor, net->logit_stride);
    if (head_kind_of(net) == BYTE) {
        net->packed_head_step = reserve(&cursor, net->logit_stride);
        net->packed_head_offset = reserve(&cursor, net->logit_stride);
    } else {
        net->packed_head_back =
            reserve(&cursor, words(net->outputs, head_kind_of(net)) * round_up(top, LANES));
    }
    net->packed = cursor;
}

/* Which slots exist, and which row block of the weights each takes. */
static void lay_out_slots(Net *net, int flags, int of_ih[4], int of_hh[4])
{
    int absent[4] = {
        (flags & CELL_NO_INPUT_GATE) != 0, (flags & (CELL_NO_FORGET_GATE | CELL_COUPLED)) != 0, 0,
        (flags & CELL_NO_OUTPUT_GATE) != 0};
    net->gates = net->sigmoids = 0;
    if (flags & CELL_GRU) {
        /* r and z take both products; the third gate's stand apart, for r multiplies one. */
        int ih[4] = {0, 1, 2, -1}, hh[4] = {0, 1, -1, 2};
        for (int s = 0; s < 4; s++) {
            of_ih[s] = ih[s];
            of_hh[s] = hh[s];
            net->gate_of_slot[s] = -1;
        }
        net->gates = 3;
        return;
    }
    for (int s = 0; s < 4; s++) {
        of_ih[s] = of_hh[s] = absent[s] ? -1 : (int)net->gates++;
        net->gate_of_slot[s] = absent[s] || s == 2 ? -1 : (int)net->sigmoids++;
    }
}

#ifdef TILES
enum { MOST_PRECISION = PRECISION_SPLIT };
#else
enum { MOST_PRECISION = PRECISION_INT8 };
#endif

static int within(i64 x, i64 low, i64 high) { return x >= low && x <= high; }

i64 net_read(Net *net, const i64 *d, i64 length)
{
    if (!d || length < D_SIZES) return REFUSED_DESCRIPTION;
    if (d[D_ABI] != RECURRA_ABI) return REFUSED_VERSION;
    if (!within(d[D_LAYERS], 1, MAX_LAYERS) || length != D_SIZES + d[D_LAYERS] ||
        !within(d[D_INPUT], 0, 2) || !within(d[D_FEATURES], 1, 1 << 24) ||
        !within(d[D_TOKENS], 0, 1 << 24) || !within(d[D_OUTPUTS], 0, 1 << 24) ||
        !within(d[D_TIED], 0, 1) || !within(d[D_FLAGS], 0, 1023) ||
        !within(d[D_RESIDUAL], 0, 1) || !within(d[D_PRECISION], 0, MOST_PRECISION)) {
        return REFUSED_DESCRIPTION;
    }
    int flags = (int)d[D_FLAGS], input = (int)d[D_INPUT];
    if ((flags & CELL_GRU) && flags != CELL_GRU) return REFUSED_DESCRIPTION;
    if ((flags & CELL_COUPLED) && (flags & (CELL_NO_INPUT_GATE | CELL_NO_FORGET_GATE))) {
        return REFUSED_DESCRIPTION;
    }
    if (input != INPUT_VECTOR && d[D_TOKENS] < 1) return REFUSED_DESCRIPTION;
    if (input == INPUT_ONE_HOT && d[D_FEATURES] != d[D_TOKENS]) return REFUSED_DESCRIPTION;
    for (i64 k = 0; k < d[D_LAYERS]; k++) {
        if (!within(d[D_SIZES + k], 1, 65536)) return REFUSED_DESCRIPTION;
    }
    if (d[D_TIED] && (input != INPUT_EMBEDDING || d[D_TOKENS] != d[D_OUTPUTS] ||
                      d[D_FEATURES] != d[D_SIZES + d[D_LAYERS] - 1])) {
        return REFUSED_DESCRIPTION;
    }
    net->kind = (int)d[D_PRECISION];
    if (net->kind != KIND(net->kind)) return REFUSED_DESCRIPTION;
    /* What reads tokens predicts them. Values keep all their digits, and few outputs cost little. */
    int small = input != INPUT_VECTOR && d[D_OUTPUTS] >= 32;
    net->head_kind = split_of(net) || (half_of(net) && !small) ? FULL : kind_of(net);
    if (kind_of(net) != FULL && (flags & (CELL_LAYER_NORM | CELL_FULL_GATE_RECURRENCE))) {
        return REFUSED_DESCRIPTION;
    }
    /* Sums of more products than this could leave 32 bits. */
    if (kind_of(net) == BYTE && input != INPUT_ONE_HOT && d[D_FEATURES] > 65536) {
        return REFUSED_DESCRIPTION;
    }
    net->input = input;
    net->tied = (int)d[D_TIED];
    net->flags = flags;
    net->tokens = d[D_TOKENS];
    net->features = d[D_FEATURES];
    net->outputs = d[D_OUTPUTS];
    net->layers = d[D_LAYERS];
    net->feature_stride = round_up(net->features, ROW);
    net->logit_stride = round_up(net->outputs, ROW);
    net->widest = input == INPUT_ONE_HOT ? ROW : net->feature_stride;
    int of_ih[4], of_hh[4];
    lay_out_slots(net, flags, of_ih, of_hh);
    for (i64 k = 0; k < net->layers; k++) {
        Layer *l = &net->layer[k];
        l->units = d[D_SIZES + k];
        l->blocks = (l->units + LANES - 1) / LANES;
        l->stride = round_up(l->units, ROW);
        l->ih.width = k ? net->layer[k - 1].units : net->features;
        l->hh.width = l->units;
        l->gg.width = (flags & CELL_FULL_GATE_RECURRENCE) ? net->sigmoids * l->units : 0;
        l->ih.stride = round_up(l->ih.width, ROW);
        l->hh.stride = round_up(l->hh.width, ROW);
        l->gg.stride = round_up(l->gg.width, ROW);
        l->residual = d[D_RESIDUAL] && k > 0 && l->ih.width == l->units;
        for (int s = 0; s < 4; s++) {
            l->ih.row_of_slot[s] = of_ih[s];
            l->hh.row_of_slot[s] = of_hh[s];
            l->gg.row_of_slot[s] = net->gate_of_slot[s];
        }
        net->widest = most(net->widest, l->stride);
    }
    lay_out_parameters(net, 0);
    lay_out_packed(net);
    return 0;
}

i64 net_table(const Net *net, i64 *table)
{
    Net again = *net;
    return lay_out_parameters(&again, table);
}

i64 layer_state(const Net *net, i64 k)
{
    const Layer *l = &net->layer[k];
    return l->units * ((net->flags & CELL_GRU) ? 1 : 2) + l->gg.width;
}
