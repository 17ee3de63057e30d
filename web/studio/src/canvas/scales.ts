/**
 * Colour scales for numbers over text and in rasters.
 *
 * All of them are mixed in OKLab (Ottosson 2020), where equal steps look equal, and their lightness
 * runs one way from the paper outwards, so that they read in grey and with any colour vision: signed
 * numbers go from blue over the paper to orange, which no common colour blindness confuses. The
 * scales that lie behind text stop where ink on top of them still has a contrast of 4.5 to 1.
 */

export type Theme = "light" | "dark";
export type ScaleName = "signed" | "share" | "surprise";
/** Behind text, or a field of its own where colours may be stronger. */
export type Ground = "text" | "field";
type Rgb = readonly [number, number, number];

/** One end of a scale: lightness from 0 to 1, chroma, hue in degrees. */
type Lch = readonly [number, number, number];

interface Ends {
  paper: Lch;
  low?: Lch;
  middle?: Lch;
  high: Lch;
}

const ENDS: Record<Theme, Record<Ground, Record<ScaleName, Ends>>> = {
  light: {
    text: {
      signed: { paper: [1, 0, 90], low: [0.7, 0.13, 250], high: [0.74, 0.15, 60] },
      share: { paper: [1, 0, 90], high: [0.72, 0.11, 185] },
      surprise: { paper: [1, 0, 90], middle: [0.88, 0.1, 85], high: [0.7, 0.17, 35] },
    },
    field: {
      signed: { paper: [0.97, 0.004, 90], low: [0.45, 0.15, 255], high: [0.58, 0.17, 48] },
      share: { paper: [0.97, 0.004, 90], high: [0.42, 0.09, 190] },
      surprise: { paper: [0.97, 0.004, 90], middle: [0.8, 0.13, 75], high: [0.48, 0.18, 28] },
    },
  },
  dark: {
    text: {
      signed: { paper: [0.229, 0.005, 165], low: [0.47, 0.13, 255], high: [0.5, 0.12, 55] },
      share: { paper: [0.229, 0.005, 165], high: [0.49, 0.085, 190] },
      surprise: { paper: [0.229, 0.005, 165], middle: [0.37, 0.07, 75], high: [0.5, 0.15, 35] },
    },
    field: {
      signed: { paper: [0.2, 0.006, 250], low: [0.72, 0.13, 245], high: [0.78, 0.15, 65] },
      share: { paper: [0.2, 0.006, 250], high: [0.85, 0.12, 185] },
      surprise: { paper: [0.2, 0.006, 250], middle: [0.5, 0.13, 40], high: [0.86, 0.14, 85] },
    },
  },
};

function oklab([lightness, chroma, hue]: Lch): Rgb {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function gamma(linear: number): number {
  const bounded = Math.min(1, Math.max(0, linear));
  const shown = bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * bounded ** (1 / 2.4) - 0.055;
  return Math.round(255 * shown);
}

/** OKLab to sRGB, each channel from 0 to 255; what lies outside of sRGB is cut off. */
export function rgbOfOklab([l, a, b]: Rgb): Rgb {
  const x = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const y = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const z = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z),
    gamma(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z),
    gamma(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z),
  ];
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return [0, 1, 2].map((n) => a[n]! + (b[n]! - a[n]!) * share) as unknown as Rgb;
}

const STEPS = 256;

/** A scale as 256 colours; `low` and `high` are the numbers at its ends. */
export interface Scale {
  name: ScaleName;
  low: number;
  high: number;
  /** RGBA of each step as a canvas has it in memory, for images. */
  pixels: Uint32Array;
  /** The same as CSS colours. */
  css: string[];
}

const made = new Map<string, Pick<Scale, "pixels" | "css">>();

function colours(name: ScaleName, theme: Theme, ground: Ground): Pick<Scale, "pixels" | "css"> {
  const key = `${name} ${theme} ${ground}`;
  const known = made.get(key);
  if (known) return known;
  const ends = ENDS[theme][ground][name];
  const stops = [ends.low, ends.paper, ends.middle, ends.high]
    .filter((end) => end !== undefined)
    .map(oklab);
  const pixels = new Uint32Array(STEPS);
  const css: string[] = [];
  for (let n = 0; n < STEPS; n++) {
    const at = (n / (STEPS - 1)) * (stops.length - 1);
    const left = Math.min(stops.length - 2, Math.floor(at));
    const [r, g, b] = rgbOfOklab(mix(stops[left]!, stops[left + 1]!, at - left));
    pixels[n] = (255 << 24) | (b << 16) | (g << 8) | r;
    css.push(`rgb(${r} ${g} ${b})`);
  }
  made.set(key, { pixels, css });
  return { pixels, css };
}

/** Make a scale between two numbers. A signed one should have its zero in the middle. */
export function scale(
  name: ScaleName,
  low: number,
  high: number,
  theme: Theme,
  ground: Ground,
): Scale {
  return { name, low, high, ...colours(name, theme, ground) };
}

/** Which of the 256 colours stands for a number; numbers beyond the ends get the ends. */
export function stepOf({ low, high }: Pick<Scale, "low" | "high">, value: number): number {
  if (!(high > low)) return 0;
  const share = (value - low) / (high - low);
  return Math.round((STEPS - 1) * Math.min(1, Math.max(0, share)));
}

/** The CSS colour of a number; none for one that is not there. */
export function colourOf(scale: Scale, value: number): string | null {
  return Number.isNaN(value) ? null : scale.css[stepOf(scale, value)]!;
}

/** A CSS gradient from the low end to the high one, for legends. */
export function gradient(scale: Scale): string {
  const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((n) => scale.css[n]!);
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

/** Relative luminance of sRGB (WCAG 2.2). */
export function luminance([r, g, b]: Rgb): number {
  const linear = [r, g, b].map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
}

/** Contrast of two colours, from 1 to 21 (WCAG 2.2). */
export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
