/** Exact lengths of notes: triplets of dotted notes do not add up to whole bars in floats. */

export class Fraction {
  readonly top: number;
  readonly bottom: number;

  constructor(top: number, bottom = 1) {
    const divisor = gcd(Math.abs(top), bottom) || 1;
    this.top = top / divisor;
    this.bottom = bottom / divisor;
  }

  static readonly zero = new Fraction(0);
  static readonly one = new Fraction(1);

  plus({ top, bottom }: Fraction): Fraction {
    return new Fraction(this.top * bottom + top * this.bottom, this.bottom * bottom);
  }

  times({ top, bottom }: Fraction): Fraction {
    return new Fraction(this.top * top, this.bottom * bottom);
  }

  get number(): number {
    return this.top / this.bottom;
  }

  /** The nearest whole number; of two the even one, as Python rounds. */
  get rounded(): number {
    return roundHalfEven(this.number);
  }
}

function gcd(a: number, b: number): number {
  while (b) [a, b] = [b, a % b];
  return a;
}

export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
