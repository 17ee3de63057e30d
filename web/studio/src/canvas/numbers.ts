/** Numbers and characters as a person reads them. */

const MARKS: Record<string, string> = {
  "\n": "⏎",
  "\r": "␍",
  "\t": "⇥",
  " ": "␣",
  "\u00a0": "⍽",
  "": "·",
};

/** A token with white space and control characters made visible. */
export function shown(token: string): string {
  return (
    Array.from(token, (one) => {
      const code = one.codePointAt(0)!;
      return MARKS[one] ?? (code < 32 || code === 127 ? "�" : one);
    }).join("") || MARKS[""]!
  );
}

const NAMES: Record<string, string> = {
  "\n": "line end",
  "\t": "tab",
  " ": "space",
  "": "nothing",
};

/** A token in words, for a screen reader: "space", "line end", "capital A". */
export function spoken(token: string): string {
  const name = NAMES[token];
  if (name) return name;
  const capital = token.length === 1 && token !== token.toLowerCase();
  return capital ? `capital ${token}` : token;
}

/** 0.934 as "93 %", with a decimal where two digits would say 0 or 100. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return "–";
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  if (value > 99 && value < 100) return value > 99.9 ? "> 99.9 %" : `${value.toFixed(1)} %`;
  return value < 1 && value > 0 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** A signed number with a true minus and `digits` decimals. */
export function signed(value: number, digits = 2): string {
  if (Number.isNaN(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A half-life: "6.6", "120", "> 9,999", "∞". */
export function steps(value: number | null): string {
  if (value === null || value === Infinity) return "∞";
  if (value < 10) return value.toFixed(1);
  return value < 10_000 ? grouped(Math.round(value)) : "> 9,999";
}

/** 12345 as "12,345". */
export function grouped(value: number): string {
  return value.toLocaleString("en");
}

/** "1 character", "5 characters". */
export function count(value: number, one: string): string {
  return `${grouped(value)} ${one}${value === 1 ? "" : "s"}`;
}
