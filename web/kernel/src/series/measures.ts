/** How good forecasts are: tasks/series/metrics.py. A row is a series; NaN is not known. */

export type Row = ArrayLike<number>;

export interface Scores {
  mase: number | null;
  smape: number | null;
  mae: number | null;
  rmse: number | null;
  weighted_quantile_loss: number | null;
  coverage_80: number | null;
}

/** Levels of the weighted quantile loss. */
export const NINE = Array.from({ length: 9 }, (_, n) => (n + 1) / 10);

/** The mean of what is known; NaN where nothing is. */
function mean(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((a, b) => a + b, 0) / known.length;
}

const plain = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The last season again and again. */
export function seasonalNaive(history: Float64Array, steps: number, season: number): number[] {
  const whole = history.slice();
  whole.forEach((value, t) => {
    if (Number.isNaN(value)) whole[t] = t >= season ? whole[t - season]! : t ? whole[t - 1]! : 0;
  });
  const last = whole.length >= season ? whole.subarray(-season) : whole.subarray(-1);
  return Array.from({ length: steps }, (_, h) => last[h % last.length]!);
}

/** Measures of forecasts. `quantiles`: of each series and step those at `NINE`; null: there are none. */
export function score(
  y: readonly Row[],
  forecast: readonly Row[],
  histories: readonly Float64Array[],
  season: number,
  quantiles: readonly (readonly number[])[][] | null,
): Scores {
  const off = y.map((row, s) => Array.from(row, (value, h) => Math.abs(value - forecast[s]![h]!)));
  const scaled = histories.flatMap((history, s) => {
    const moves = Array.from(history.subarray(season), (value, t) => Math.abs(value - history[t]!));
    const scale = mean(moves);
    return scale > 0 ? [mean(off[s]!) / scale] : [];
  });
  const symmetric = y.map((row, s) =>
    mean(
      Array.from(row, (value, h) => {
        const below = Math.abs(value) + Math.abs(forecast[s]![h]!);
        return below === 0 ? 0 : off[s]![h]! / below;
      }),
    ),
  );
  return {
    mase: plain(scaled.reduce((a, b) => a + b, 0) / scaled.length),
    smape: plain(200 * mean(symmetric)),
    mae: plain(mean(off.flat())),
    rmse: plain(Math.sqrt(mean(off.flat().map((one) => one ** 2)))),
    ...(quantiles ? spread(y, quantiles) : { weighted_quantile_loss: null, coverage_80: null }),
  };
}

function spread(
  y: readonly Row[],
  quantiles: readonly (readonly number[])[][],
): Pick<Scores, "weighted_quantile_loss" | "coverage_80"> {
  const known = y.flatMap((row, s) =>
    Array.from(row, (value, h) => ({ value, at: quantiles[s]![h]! })),
  );
  const there = known.filter(({ value }) => !Number.isNaN(value));
  const size = there.reduce((sum, { value }) => sum + Math.abs(value), 0);
  const losses = NINE.map((level, k) =>
    there.reduce((sum, { value, at }) => {
      const off = value - at[k]!;
      return sum + Math.max(level * off, (level - 1) * off);
    }, 0),
  );
  const inside = there.filter(({ value, at }) => value >= at[0]! && value <= at[8]!);
  return {
    weighted_quantile_loss: plain((2 * mean(losses)) / size),
    coverage_80: plain(inside.length / there.length),
  };
}
