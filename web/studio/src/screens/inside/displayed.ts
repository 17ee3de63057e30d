/**
 * Tokens as they stand in the text. Where a token is a character, the text itself is the best witness:
 * it knows what the vocabulary shows as an unknown. A character of several bytes stands at its first.
 */
export function displayed(tokens: readonly string[], text: string): string[] {
  const characters = Array.from(text);
  if (characters.length === tokens.length) return characters;
  const lengths = characters.map((one) => new TextEncoder().encode(one).length);
  if (lengths.reduce((sum, one) => sum + one, 0) === tokens.length) {
    return characters.flatMap((one, n) => [one, ...Array<string>(lengths[n]! - 1).fill("")]);
  }
  return [...tokens];
}
