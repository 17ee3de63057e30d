/** How much room there is, and what to say when there is none. */

import { RecurraError } from "../../../../kernel/src/errors.ts";

/** Ask the browser not to clear what is kept here when it needs room. */
export async function askToPersist(): Promise<boolean | null> {
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.persist) return null;
  return (await storage.persisted()) || (await storage.persist());
}

export async function estimate(): Promise<{
  used: number;
  quota: number | null;
  persistent: boolean | null;
}> {
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.estimate) return { used: 0, quota: null, persistent: null };
  const [{ usage = 0, quota }, persistent] = await Promise.all([
    storage.estimate(),
    storage.persisted(),
  ]);
  return { used: usage, quota: quota ?? null, persistent };
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e5) / 10} MB`;

/** Return what to throw for an error of the database: a sentence where the storage is full. */
export async function quotaSentence(error: unknown): Promise<unknown> {
  if ((error as { name?: string } | null)?.name !== "QuotaExceededError") return error;
  const { used, quota } = await estimate();
  const room = quota === null ? "" : ` (${megabytes(used)} of ${megabytes(quota)} are used)`;
  return new RecurraError(
    "ResourceError",
    `This browser's storage is full${room}, so nothing was saved; remove runs, models or texts that ` +
      "you no longer need, then try again.",
  );
}
