/** Numbers as people read them, always with what they count. */

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-GB", {
  notation: "compact",
  maximumSignificantDigits: 3,
});
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const LN2 = Math.LN2;

/** 1115394 → "1,115,394". */
export const count = (n: number): string => whole.format(n);

/** 1115394 → "1.12M". */
export const short = (n: number): string => compact.format(n);

/** 1115394 → "1.1 MB", in powers of ten as disks are sold. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (n >= 999.5 && at < units.length - 1) {
    n /= 1000;
    at += 1;
  }
  return `${at === 0 || n >= 99.5 ? n.toFixed(0) : n.toPrecision(2)} ${units[at]}`;
}

/** 93 → "1 min 33 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  const hours = Math.floor(s / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}

export function when(iso: string | null): string {
  const at = iso ? new Date(iso) : null;
  return at && !Number.isNaN(at.getTime()) ? date.format(at) : "–";
}

export type LossUnit = "nats" | "bits";

/** A loss in the unit that was chosen. */
export const inUnit = (nats: number, unit: LossUnit): number =>
  unit === "bits" ? nats / LN2 : nats;

export function loss(nats: number | null, unit: LossUnit = "nats", digits = 3): string {
  return nats === null || !Number.isFinite(nats) ? "–" : inUnit(nats, unit).toFixed(digits);
}

/** "training" → "Training". */
export const sentenceCase = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "learning_rate" → "Learning rate". */
export const titleOf = (name: string): string => sentenceCase(name.replaceAll("_", " "));
