/**
 * Numbers as digits that a network can count with: tasks/series/numbers/digits.py, which says what
 * a step reads and why. A number is its ten's complement of `width` digits, the ones first.
 */

/** How many numbers a step reads, where `seen` terms are seen side by side. */
export const features = (seen: number): number => 10 * (seen + 1) + 2;

/** The size that numbers stay below: 5 * 10^(width - 1). */
export const limit = (width: number): number => 5 * 10 ** (width - 1);

/** The digits of a number, the ones first. */
export function toDigits(number: number, width: number): number[] {
  const size = 10 ** width;
  let rest = ((number % size) + size) % size;
  return Array.from({ length: width }, () => {
    const digit = rest % 10;
    rest = (rest - digit) / 10;
    return digit;
  });
}

/** The number that digits are of. */
export function fromDigits(digits: readonly number[]): number {
  const found = digits.reduceRight((sum, digit) => 10 * sum + digit, 0);
  return found >= limit(digits.length) ? found - 10 ** digits.length : found;
}

/**
 * What is read to find the number that comes next: [2 * width, features(seen)], row by row. Digits
 * of the answer are left zero where it is not known, to be filled in one by one.
 */
export function encode(
  numbers: readonly number[],
  seen: number,
  width: number,
  answer: number | null = null,
): Float32Array {
  const wide = features(seen);
  const x = new Float32Array(2 * width * wide);
  const last = numbers.slice(-seen).reverse();
  for (let step = 0; step < 2 * width; step++) {
    const [row, column] = [step * wide, step % width];
    last.forEach((number, n) => (x[row + 10 * n + toDigits(number, width)[column]!] = 1));
    if (step >= width) {
      x[row + wide - 2] = 1;
      if (answer !== null && column) {
        x[row + 10 * seen + toDigits(answer, width)[column - 1]!] = 1;
      }
    }
    if (column === 0) x[row + wide - 1] = 1;
  }
  return x;
}
