/** What run.py calls, window.bench; and the same for a person who opens the page: person.ts. */
import * as ours from "./ours.ts";
import { serve } from "./person.ts";

// The peers are loaded when they are first asked, so that they do not slow the start of ours.
const theirs = (): Promise<typeof import("./theirs.ts")> => import("./theirs.ts");
const jax = (): Promise<typeof import("./jax.ts")> => import("./jax.ts");

Object.assign(window, { bench: { ours, theirs, jax } });
await serve(ours, theirs, jax);
