/** Something that is asked for: busy, here, or refused. Only the last question's answer counts. */
export class Load<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<unknown>(null);
  busy = $state(false);
  #asked = 0;

  async ask(question: () => Promise<T>): Promise<T | null> {
    const mine = ++this.#asked;
    this.busy = true;
    try {
      const answer = await question();
      if (mine !== this.#asked) return null;
      this.value = answer;
      this.error = null;
      return answer;
    } catch (error) {
      if (mine === this.#asked) this.error = error;
      return null;
    } finally {
      if (mine === this.#asked) this.busy = false;
    }
  }

  /** Forget the answer and whatever is still on its way. */
  clear(): void {
    this.#asked += 1;
    this.value = null;
    this.error = null;
    this.busy = false;
  }
}
