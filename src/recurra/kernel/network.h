/* A network's description, read and checked, and where its numbers lie. */
#ifndef RECURRA_NETWORK_H
#define RECURRA_NETWORK_H

#include "recurra.h"
#include "simd.h"

enum { ROW = 16 }; /* rows of matrices and of activations are padded to multiples of this */

/* A matrix that enters the gates of a layer, [rows, width], and its two packed forms. */
typedef struct {
    i64 width;  /* how many numbers it reads */
    i64 stride; /* floats from row to row of the weights */
    i64 weight; /* offset in the flat weights */
    i64 ahead;  /* offset in the packed ones: [unit block][k][slot][lane], for the forward pass */
    i64 back;   /* [column panel][unit block, slot, lane][column], for the backward pass */
    i64 step, offset; /* BYTE: of the forward form's columns, [unit block][slot][lane]; see pack.c */
    int row_of_slot[4]; /* which row block a slot takes, or -1 */
} Matrix;

/* One layer. A unit block is LANES units; its four slots are i f g o, or r z n q for a GRU. */
typedef struct {
    i64 units;
    i64 blocks; /* unit blocks, the last one padded */
    i64 stride; /* floats from row to row of activations */
    int residual;
    Matrix ih, hh, gg; /* gg.width is 0 without full gate recurrence */
    i64 bias_ih, bias_hh, peephole, norm_ih, norm_hh, norm_c; /* flat offsets, or -1 */
    i64 packed_bias;     /* [unit block][slot][lane], as the next three */
    i64 packed_norm_ih, packed_norm_hh, packed_mask;
    i64 packed_peephole; /* [slot][unit] */
    i64 packed_norm_c;   /* [2][unit] */
} Layer;

typedef struct {
    int input, tied, flags;
    int kind; /* how the factors of products are stored: FULL, HALF, BYTE or SPLIT */
    i64 tokens, features, outputs, layers;
    i64 gates;     /* row blocks of the weights */
    i64 sigmoids;  /* of those, how many are gates proper */
    int gate_of_slot[4]; /* row of the peepholes, or block of the gates in a state, or -1 */
    i64 feature_stride;
    i64 widest;    /* largest stride of any layer and of the input */
    i64 embedding, head_weight, head_bias; /* flat offsets, or -1 */
    i64 head_stride;
    i64 logit_stride;
    i64 packed_head, packed_head_back, packed_head_bias, packed_head_step, packed_head_offset;
    int head_kind; /* as kind, or FULL */
    i64 params, packed;
    Layer layer[MAX_LAYERS];
} Net;

/* The kinds of a network's products, where the build knows of others than FULL. */
INLINE int kind_of(const Net *net) { return KIND(net->kind); }
INLINE int head_kind_of(const Net *net) { return KIND(net->head_kind); }
INLINE int half_of(const Net *net) { return kind_of(net) == HALF; }
INLINE int split_of(const Net *net) { return kind_of(net) == SPLIT; }
/* Whether products read copies in bfloat16, of HALF or SPLIT. */
INLINE int copies_of(const Net *net) { return half_of(net) || split_of(net); }

/* Read and check a description. Returns 0 or a refusal. */
COLD i64 net_read(Net *net, const i64 *description, i64 length);

/* Fill `table` with (offset, rows, columns, stride) of each tensor; return how many there are. */
COLD i64 net_table(const Net *net, i64 *table);

/* Floats of a layer's state, of one sequence. */
i64 layer_state(const Net *net, i64 k);

enum { MAX_TENSORS = 3 + 9 * MAX_LAYERS };

#endif
