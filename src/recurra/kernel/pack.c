/* See pack.h. A forward panel holds a unit block's four slots side by side, so that one register tile
 * computes all gates of the block; a backward panel holds up to PANEL columns of the weights, for
 * products with the gates' gradients. What a slot or a padded unit lacks is zero. */
#include "pack.h"

/* The weights' row of slot s, unit n of a layer, or null. */
INLINE const float *row_of(const Layer *l, const Matrix *m, const float *params, int s, i64 n)
{
    if (m->row_of_slot[s] < 0 || n >= l->units) return 0;
    return params + m->weight + (m->row_of_slot[s] * l->units + n) * m->stride;
}

/* Write a row of weights, padded to ROW with zeros, as words of a kind other than BYTE into every
 * `pitch`-th word. */
INLINE void pack_row(const float *row, i64 width, const int kind, float *to, i64 pitch)
{
    i64 depth = words(width, kind);
    if (!row) {
        for (i64 k = 0; k < depth; k++) to[k * pitch] = 0.0f;
    } else if (kind == FULL) {
        for (i64 k = 0; k < depth; k++) to[k * pitch] = row[k];
    } else {
        for (i64 k = 0; k < depth; k += LANES / 2) {
            uint32_t pairs[LANES / 2];
            store_half((uint16_t *)pairs, load(row + 2 * k));
            for (i64 i = 0; i < LANES / 2 && k + i < depth; i++) {
                ((uint32_t *)to)[(k + i) * pitch] = pairs[i];
            }
        }
    }
}

/* The same in three parts: lines of 32 numbers as SPLIT has them. */
INLINE void pack_row_split(const float *row, i64 width, float *to)
{
    for (i64 n = 0; n < round_up(width, LINE); n += LANES) {
        uint32_t pairs[LANES / 2];
        vh parts[PARTS];
        split_parts(row && n < width ? load(row + n) : zero(), parts);
        for (int p = 0; p < PARTS; p++) {
            *(vh_any *)pairs = parts[p];
            i64 first = n / LINE * SPLIT_WORDS + p * (LINE / 2) + n % LINE / 2;
            for (i64 i = 0; i < LANES / 2; i++) ((uint32_t *)to)[(first + i) * LANES] = pairs[i];
        }
    }
}

/* ahead[u][k][s][j] = weight[s * H + u * LANES + j][k]; of HALF, pairs (k, k + 1). Of SPLIT lines, slot
 * by slot: [u][s][line][part][pair][j]. */
static void pack_ahead(
    const Layer *l, const Matrix *m, const float *params, float *packed, int kind, i64 u)
{
    i64 depth = words(m->width, kind);
    float *to = packed + m->ahead + u * depth * PANEL;
    for (int s = 0; s < 4; s++) {
        for (int j = 0; j < LANES; j++) {
            const float *row = row_of(l, m, params, s, u * LANES + j);
            if (kind == HALF) pack_row(row, m->width, HALF, to + s * LANES + j, PANEL);
            else if (kind == SPLIT) pack_row_split(row, m->width, to + s * depth * LANES + j);
            else pack_row(row, m->width, FULL, to + s * LANES + j, PANEL);
        }
    }
}

/* Write a row of weights, padded to ROW with zeros, as signed 8-bit integers of its own step into
 * every `pitch`-th word, words(width) of them. Writes the step, the row's largest size / 127, and the
 * offset: -128 times the sum of the integers, for activations are stored plus 128. */
static void pack_bytes(const float *row, i64 width, uint32_t *to, i64 pitch, float *step,
                       int32_t *offset)
{
    i64 depth = words(width, BYTE);
    int32_t sum = 0;
    *step = row ? byte_step(row, round_up(width, ROW)) : 0.0f;
    for (i64 k = 0; k < depth; k += ROW / 4) {
        uint8_t bytes[ROW] = {0};
        if (row) store_bytes(row + 4 * k, ROW, *step, bytes);
        for (i64 i = 0; i < ROW && row; i++) {
            bytes[i] ^= 0x80; /* of byte + 128, two's complement */
            sum += (int8_t)bytes[i];
        }
        for (i64 i = 0; i < least(ROW / 4, depth - k); i++) {
            const uint8_t *b = bytes + 4 * i;
            to[(k + i) * pitch] = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                                  (uint32_t)b[3] << 24;
        }
    }
    *offset = -128 * sum;
}

static void pack_ahead_bytes(const Layer *l, const Matrix *m, const float *params, float *packed, i64 u)
{
    float *to = packed + m->ahead + u * words(m->width, BYTE) * PANEL;
    for (int s = 0; s < 4; s++) {
        for (int j = 0; j < LANES; j++) {
            i64 entry = u * PANEL + s * LANES + j;
            pack_bytes(row_of(l, m, params, s, u * LANES + j), m->width,
                       (uint32_t *)to + s * LANES + j, PANEL, packed + m->step + entry,
                       (int32_t *)(packed + m->offset) + entry);
        }
    }
}

/* back[panel][u, s, j][column] = weight[s * H + u * LANES + j][panel * PANEL + column]; of HALF,
 * pairs of entries (j, j + 1). Of SPLIT lines of them: [panel][vector][line][part][pair][lane]. */
static void pack_back(
    const Layer *l, const Matrix *m, const float *params, float *packed, int kind, i64 panel)
{
    i64 entries = l->blocks * PANEL, first = panel * PANEL;
    i64 width = round_up(least(m->width - first, PANEL), LANES);
    int half = kind != FULL;
    float *to = packed + m->back + words(entries, kind) * first;
    for (i64 e = 0; e < entries; e += half ? 2 : 1) {
        i64 u = e / PANEL;
        int s = (int)(e % PANEL / LANES), j = (int)(e % LANES);
        const float *row = row_of(l, m, params, s, u * LANES + j);
        const float *next = half ? row_of(l, m, params, s, u * LANES + j + 1) : 0;
        for (i64 c = 0; c < width; c += LANES, to += LANES) {
            vf low = row ? load(row + first + c) : zero();
            if (kind == SPLIT) {
                vh of_low[PARTS], of_high[PARTS];
                split_parts(low, of_low);
                split_parts(next ? load(next + first + c) : zero(), of_high);
                float *line = packed + m->back + words(entries, SPLIT) * (first + c) +
                              (e / LINE * SPLIT_WORDS + e % LINE / 2) * LANES;
                for (int p = 0; p < PARTS; p++) {
                    store(line + p * (LINE / 2) * LANES, pair_halves(of_low[p], of_high[p]));
                }
                continue;
            }
            if (half) {
                vf high = next ? load(next + first + c) : zero();
                low = pair_halves(to_half(low), to_half(high));
            }
            store(to, low);
        }
    }
}

/* The vectors of a unit block: bias, peepholes, gains. */
static void pack_vectors(const Net *net, const Layer *l, const float *params, float *packed, i64 u)
{
    for (int s = 0; s < 4; s++) {
        int of_ih = l->ih.row_of_slot[s], of_hh = l->hh.row_of_slot[s], gate = net->gate_of_slot[s];
        for (int j = 0; j < LANES; j++) {
            i64 n = u * LANES + j, entry = u * PANEL + s * LANES + j;
            int real = n < l->units;
            float bias = 0.0f, peephole = 0.0f;
            if (real && of_ih >= 0) bias = params[l->bias_ih + of_ih * l->units + n];
            if (real && of_hh >= 0 && l->bias_hh >= 0) {
                bias += params[l->bias_hh + of_hh * l->units + n];
            }
            packed[l->packed_bias + entry] = bias;
            if (real && gate >= 0 && l->peephole >= 0) {
                peephole = params[l->peephole + gate * l->stride + n];
            }
            packed[l->packed_peephole + s * l->blocks * LANES + n] = peephole;
            packed[l->packed_mask + entry] = real && of_ih >= 0 ? 1.0f : 0.0f;
            if (l->norm_ih < 0) continue;
            packed[l->packed_norm_ih + entry] =
                real && of_ih >= 0 ? params[l->norm_ih + of_ih * l->units + n] : 0.0f;
            packed[l->packed_norm_hh + entry] =
                real && of_hh >= 0 ? params[l->norm_hh + of_hh * l->units + n] : 0.0f;
            if (s < 2) {
                packed[l->packed_norm_c + s * l->blocks * LANES + n] =
                    real ? params[l->norm_c + s * l->stride + n] : 0.0f;
            }
        }
    }
}

/* Head: [panel of outputs][h][output] ahead, [panel of h][output][h] back. */
static void pack_head(
    const Net *net, const float *params, float *packed, int back, i64 thread, i64 threads)
{
    i64 units = net->layer[net->layers - 1].units, outputs = net->outputs;
    const float *weight = params + net->head_weight;
    for (i64 panel = thread; panel * PANEL < outputs; panel += threads) {
        i64 first = panel * PANEL, width = round_up(least(outputs - first, PANEL), LANES);
        float *to = packed + net->packed_head + words(units, head_kind_of(net)) * first;
        for (i64 v = 0; v < width; v++) {
            const float *row = first + v < outputs ? weight + (first + v) * net->head_stride : 0;
            if (head_kind_of(net) == BYTE) {
                pack_bytes(row, units, (uint32_t *)to + v, width,
                           packed + net->packed_head_step + first + v,
                           (int32_t *)(packed + net->packed_head_offset) + first + v);
            } else {
                pack_row(row, units, head_kind_of(net), to + v, width);
            }
            packed[net->packed_head_bias + first + v] = row ? params[net->head_bias + first + v] : -1e30f;
        }
    }
    if (!back) return;
    for (i64 panel = thread; panel * PANEL < units; panel += threads) {
        i64 first = panel * PANEL, width = round_up(least(units - first, PANEL), LANES);
        int half = head_kind_of(net) == HALF;
        float *to = packed + net->packed_head_back + words(outputs, head_kind_of(net)) * first;
        for (i64 v = 0; v < outputs; v += 1 + half, to += width) {
            const float *row = weight + v * net->head_stride + first;
            if (!half) copy(to, row, width);
            for (i64 n = 0; n < width && half; n += LANES) {
                vf high = v + 1 < outputs ? load(row + net->head_stride + n) : zero();
                store(to + n, pair_halves(to_half(load(row + n)), to_half(high)));
            }
        }
    }
}

void pack_weights(
    const Net *net, const float *params, float *packed, int back, i64 thread, i64 threads)
{
    for (i64 k = 0; k < net->layers; k++) {
        const Layer *l = &net->layer[k];
        int one_hot = k == 0 && net->input == INPUT_ONE_HOT;
        for (i64 u = thread; u < l->blocks; u += threads) {
            if (kind_of(net) != BYTE || one_hot) {
                pack_ahead(l, &l->ih, params, packed, one_hot ? FULL : kind_of(net), u);
            } else {
                pack_ahead_bytes(l, &l->ih, params, packed, u);
            }
            if (kind_of(net) != BYTE) pack_ahead(l, &l->hh, params, packed, kind_of(net), u);
            else pack_ahead_bytes(l, &l->hh, params, packed, u);
            if (l->gg.width) pack_ahead(l, &l->gg, params, packed, kind_of(net), u);
            pack_vectors(net, l, params, packed, u);
        }
        if (!back) continue;
        const Matrix *all[3] = {&l->ih, &l->hh, &l->gg};
        for (int i = 0; i < 3; i++) {
            if (i == 0 && one_hot && back < 2) continue;
            for (i64 panel = thread; panel * PANEL < all[i]->width; panel += threads) {
                pack_back(l, all[i], params, packed, kind_of(net), panel);
            }
        }
    }
    if (net->outputs) pack_head(net, params, packed, back, thread, threads);
}
