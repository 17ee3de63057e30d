/** Short words about what has just happened, seen in a corner and read out once. */

export interface Toast {
  id: number;
  text: string;
  kind: "note" | "bad";
}

export const toasts = $state<Toast[]>([]);
let next = 0;

/** Say what has happened; errors stay until they are closed. */
export function say(text: string, kind: Toast["kind"] = "note"): void {
  const id = ++next;
  toasts.push({ id, text, kind });
  if (kind === "note") setTimeout(() => close(id), 6000);
}

/** Say what went wrong, with the sentence of the error. */
export function complain(error: unknown): void {
  say(sentence(error), "bad");
}

export function close(id: number): void {
  const at = toasts.findIndex((toast) => toast.id === id);
  if (at >= 0) toasts.splice(at, 1);
}

/** The sentence for a person in whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Error && error.message) return error.message;
  return String(error);
}
