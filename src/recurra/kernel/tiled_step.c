/* One step of a layer forward where the processor has tiles of its own (tiles.h): the sums of some
 * sequences pass through the first cache on their way to gates and state. */
#include "products.h"
#include "step_rows.h"
#include "tiles.h"

#ifdef TILES
/* The sums of the products of `rows` sequences, up to 32, from `row`, for unit block u: into memory
 * that the first cache holds. */
INLINE void tiled_sums(
    const Step *s, const int kind, i64 u, i64 row, int rows, float sums[2 * TILE][PANEL])
{
    const Layer *l = s->l;
    i64 depth = words(l->units, kind), h_row = words(l->stride, kind);
    i64 width = words(l->ih.width, kind), x_row = words(l->ih.stride, kind);
    const float *h = state_of(s->tape, kind) + row * h_row, *x = s->x ? s->x + row * x_row : 0;
    const float *w_h = s->w->packed + l->hh.ahead + u * depth * PANEL;
    const float *w_x = s->w->packed + l->ih.ahead + u * width * PANEL;
    if (rows == 1 && kind == HALF) {
        /* Tiles would be a few percent faster with small weights when nobody else uses the processor's
         * one multiplier of tiles, and half as fast when somebody does. */
        vf acc[4] = {{0}};
        if (x) tiles_single(4, x, w_x, PANEL, tile_steps_of(kind, width), acc);
        tiles_single(4, h, w_h, PANEL, tile_steps_of(kind, depth), acc);
        UNROLL for (int j = 0; j < 4; j++) store(sums[0] + j * LANES, acc[j]);
        return;
    }
    for (int j = 0; j < 4 && rows == 2 * TILE; j += 2) {
        tiles_clear();
        if (x) tiles_tall(kind, x, x_row, panel_vector(kind, w_x, width, j), PANEL, width);
        tiles_tall(kind, h, h_row, panel_vector(kind, w_h, depth, j), PANEL, depth);
        _tile_stored(0, sums[0] + j * LANES, 4 * PANEL);
        _tile_stored(1, sums[0] + (j + 1) * LANES, 4 * PANEL);
        _tile_stored(2, sums[TILE] + j * LANES, 4 * PANEL);
        _tile_stored(3, sums[TILE] + (j + 1) * LANES, 4 * PANEL);
    }
    if (rows == 2 * TILE) return;
    tiles_clear();
    if (x) tiles_wide(kind, 4, x, x_row, rows, w_x, PANEL, width);
    tiles_wide(kind, 4, h, h_row, rows, w_h, PANEL, depth);
    _tile_stored(0, sums[0], 4 * PANEL);
    _tile_stored(1, sums[0] + LANES, 4 * PANEL);
    _tile_stored(2, sums[0] + 2 * LANES, 4 * PANEL);
    _tile_stored(3, sums[0] + 3 * LANES, 4 * PANEL);
}

/* What a matrix adds to a row's sums beyond whole tiles of depth. */
INLINE void add_beyond(const Step *s, const Matrix *m, i64 u, const float *a, vf acc[TILE_ROWS][4])
{
    i64 depth = words(m->width, HALF), beyond = beyond_tiles(HALF, depth), from = depth - beyond;
    const float *b = s->w->packed + m->ahead + (u * depth + from) * PANEL;
    tile_steps(HALF, 1, 4, a + from, 0, 1, b, PANEL, beyond, acc);
}

INLINE void tiled_rows(
    const Step *s, const int flags, const int kind, i64 u, i64 row, int rows)
{
    float sums[2 * TILE][PANEL] __attribute__((aligned(64)));
    const Layer *l = s->l;
    tiled_sums(s, kind, u, row, rows, sums);
    for (int m = 0; m < rows; m++) {
        vf acc[TILE_ROWS][4];
        start_row(s, u, row + m, acc[0]);
        UNROLL for (int j = 0; j < 4; j++) acc[0][j] = acc[0][j] + load(sums[m] + j * LANES);
        if (kind == HALF) {
            if (s->x) add_beyond(s, &l->ih, u, s->x + (row + m) * words(l->ih.stride, HALF), acc);
            add_beyond(s, &l->hh, u, state_of(s->tape, HALF) + (row + m) * words(l->stride, HALF), acc);
        }
        finish_row(s, flags, kind, u, row + m, acc[0]);
    }
}

INLINE void tiled_step_of(const Step *s, const int kind, int flags, i64 count)
{
    i64 u0 = count == 1 ? s->u0 : 0, u1 = count == 1 ? s->u1 : s->l->blocks;
    i64 row = s->t * s->w->batch + s->b0;
    /* Over a window, sequences whose inputs and states the first cache holds meet all unit blocks in
     * turn; while writing, unit blocks meet all sequences. */
    i64 numbers = s->l->stride + (s->x ? s->l->ih.stride : 0);
    i64 together = kind == HALF && numbers <= 512 && s->w->time > 1 ? 2 * TILE : count;
    for (i64 from = 0; from < count; from += together) {
        i64 to = least(count, from + together);
        for (i64 n = 0; n < u1 - u0; n++) {
            i64 u = u0 + nth_block(s, n, u1 - u0);
            for (i64 first = from, some = 0; first < to; first += some) {
                some = to - first >= 2 * TILE ? 2 * TILE : least(to - first, TILE);
                if (flags) tiled_rows(s, flags, kind, u, row + first, (int)some);
                else tiled_rows(s, 0, kind, u, row + first, (int)some);
            }
        }
    }
}

void tiled_step(const Step *s, int flags, i64 count)
{
    if (kind_of(s->w->net) == HALF) tiled_step_of(s, HALF, flags, count);
    else tiled_step_of(s, SPLIT, flags, count);
}
#else
typedef int nothing; /* C has no empty files */
#endif
