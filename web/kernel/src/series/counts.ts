/**
 * Counts: the negative binomial distribution with a mean m and a dispersion d, so that the variance
 * is m + d m². It is a Poisson whose rate is drawn from a gamma; here one uniform number a draw is
 * enough, by inversion.
 */

/** Lanczos (1964), g = 7, nine terms: 15 digits. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
];
const TINY = 1e-300;

/** The logarithm of the gamma function of a number above 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum = LANCZOS[0]!;
  for (let n = 1; n < LANCZOS.length; n++) sum += LANCZOS[n]! / (x - 1 + n);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22) as
 * Lentz evaluates it; `y` is 1 - x, for where x is close to 1.
 */
export function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  // It converges fast below the mean; above it, the other side is below its own.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a);
  const logs = logGamma(a + b) - logGamma(a) - logGamma(b);
  const front = Math.exp(logs + a * Math.log(x) + b * Math.log(y)) / a;
  const most = 200 + 10 * Math.ceil(Math.sqrt(Math.max(a, b)));
  let [c, d, found] = [1, 0, 1];
  for (let n = 1; n <= most; n++) {
    const m = n >> 1;
    const top = n % 2 ? -(a + m) * (a + b + m) : m * (b - m);
    const term = (top * x) / ((a + n - 1) * (a + n));
    d = 1 / (1 + term * d || TINY);
    c = 1 + term / c || TINY;
    found *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front / found;
}

/** How likely a count is at most k. */
export const atMost = (k: number, mean: number, dispersion: number): number => {
  const odds = dispersion * mean;
  return incompleteBeta(1 / (1 + odds), odds / (1 + odds), 1 / dispersion, k + 1);
};

/** The smallest count that more than the share u of all is at most; u in [0, 1). */
export function countAt(u: number, mean: number, dispersion: number): number {
  if (atMost(0, mean, dispersion) > u) return 0;
  let [low, high] = [0, Math.max(1, Math.ceil(mean))];
  while (high < 2 ** 52 && atMost(high, mean, dispersion) <= u) [low, high] = [high, 2 * high];
  // More than u is at most `high`, but not at most `low`.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (atMost(middle, mean, dispersion) > u) high = middle;
    else low = middle;
  }
  return high;
}
