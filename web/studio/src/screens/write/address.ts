/** The part of the page's address that belongs to a screen: names and short texts. */
export interface Address {
  get(name: string): string | null;
  /** Change some of it; null removes. Does not add a step to the browser's history unless told. */
  set(changes: Record<string, string | null>, step?: boolean): void;
}

/** A number from the address, within bounds; `otherwise` where there is none. */
export function numberOf(
  address: Address,
  name: string,
  low: number,
  high: number,
  otherwise: number,
): number {
  const text = address.get(name);
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;
}
