/** The page as a person uses it: what the machine has, a button, progress, a table a task. */

interface Entry {
  name: string;
  /** Return the rate in the task's unit. */
  measure: () => Promise<number>;
}
interface Task {
  title: string;
  unit: string;
  entries: Entry[];
}

const BACKENDS = ["webgpu", "webgl", "wasm", "cpu"] as const;
const VOCABULARY = 65;
const EXAMPLE = { sizes: [128], embedding: 0, batch_size: 128, window: 40 };
const MANY = { sizes: [128, 128], embedding: 0, batch_size: 64, window: 64, learning_rate: 1e-3 };
/** jax-js unrolls every step of a window, and compiling 64 of them takes minutes. */
const JAX_WINDOW = 16;

type Peers = typeof import("./theirs.ts");
type Jax = typeof import("./jax.ts");
type Ours = typeof import("./ours.ts");

/** A text of 65 different characters, the same each time. */
function corpus(): string {
  const letters = Array.from({ length: VOCABULARY - 2 }, (_, n) => String.fromCharCode(33 + n));
  let state = 1;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const word = (): string =>
    Array.from({ length: 2 + draw(8) }, () => letters[draw(letters.length)]).join("");
  const words = Array.from({ length: 800 }, word);
  const line = (): string =>
    Array.from({ length: 4 + draw(9) }, () => words[draw(words.length)]).join(" ");
  return `${letters.join("")}\n${Array.from({ length: 6000 }, line).join("\n")}`;
}

function tasks(ours: Ours, theirs: () => Promise<Peers>, jax: () => Promise<Jax>): Task[] {
  const text = corpus();
  const seconds = 3;
  const peer = (measure: (peers: Peers) => Promise<number>): Entry[] =>
    BACKENDS.map((backend) => ({
      name: `TensorFlow.js, ${backend}`,
      measure: async () => {
        // A GPU that the processor plays takes minutes, in which the page stands still.
        if (
          backend === "webgl" &&
          /swiftshader|llvmpipe|software/i.test(renderer() ?? "software")
        ) {
          throw new Error("there is no GPU");
        }
        const peers = await theirs();
        await peers.useBackend(backend, 1); // its threads' script does not survive bundling
        return measure(peers);
      },
    }));
  const { batch_size: batch, window } = EXAMPLE;
  const rmsprop = { ...EXAMPLE, optimiser: "rmsprop", learning_rate: 0.01 };
  const positions = MANY.batch_size * MANY.window;
  return [
    {
      title: "Training: the example, 1 x 128, windows of 40, batch 128",
      unit: "windows a second",
      entries: [
        {
          name: "Recurra",
          measure: async () => batch * (await ours.train(text, rmsprop, seconds)),
        },
        ...peer((p) => p.trainExample(128, VOCABULARY, batch, window, 2)),
      ],
    },
    {
      title: "Training: many to many, 2 x 128, batch 64",
      unit: "characters a second",
      entries: [
        {
          name: "Recurra",
          measure: async () => positions * (await ours.train(text, MANY, seconds)),
        },
        ...peer((p) => p.train(MANY.sizes, VOCABULARY, MANY.batch_size, MANY.window, 2)),
        ...(["webgpu", "wasm"] as const).map((device) => ({
          name: `jax-js, ${device}`,
          measure: async () => {
            const { train } = await jax();
            return (await train(MANY.sizes, VOCABULARY, MANY.batch_size, JAX_WINDOW, 2, device))
              .rate;
          },
        })),
      ],
    },
    {
      title: "Writing, 1 x 128, one text",
      unit: "characters a second",
      entries: [
        { name: "Recurra", measure: () => ours.generate(text, EXAMPLE, 20_000) },
        ...peer((p) => p.generateExample(128, VOCABULARY, window, 40)),
      ],
    },
  ];
}

const element = (id: string): HTMLElement => document.getElementById(id)!;

/** What draws WebGL, or null where nothing does. */
function renderer(): string | null {
  const gl = document.createElement("canvas").getContext("webgl2");
  const shown = gl?.getExtension("WEBGL_debug_renderer_info");
  return gl && shown ? String(gl.getParameter(shown.UNMASKED_RENDERER_WEBGL)) : gl ? "yes" : null;
}

async function describe(ours: Ours): Promise<void> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
  const adapter = (await gpu?.requestAdapter().catch(() => null)) as {
    info?: { vendor: string; architecture: string };
  } | null;
  const facts: Array<[string, string]> = [
    ["Recurra's engine", await ours.engine()],
    ["Processors", String(navigator.hardwareConcurrency)],
    ["Threads", crossOriginIsolated ? "yes" : "no: this page is not cross-origin isolated"],
    ["WebGPU", adapter ? `${adapter.info?.vendor} ${adapter.info?.architecture}`.trim() : "none"],
    ["WebGL", renderer() ?? "none"],
    ["Browser", navigator.userAgent],
  ];
  for (const [name, value] of facts) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    element("machine").append(term, text);
  }
}

function table(task: Task, rates: Map<string, number | string>): HTMLTableElement {
  const made = document.createElement("table");
  made.createCaption().textContent = task.title;
  const head = made.createTHead().insertRow();
  for (const title of ["", task.unit, "Recurra is"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  const own = rates.get("Recurra");
  const body = made.createTBody();
  for (const [name, rate] of rates) {
    const row = body.insertRow();
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = name;
    row.append(title);
    row.insertCell().textContent =
      typeof rate === "number" ? rate.toLocaleString("en", { maximumSignificantDigits: 4 }) : rate;
    row.insertCell().textContent =
      typeof rate === "number" && typeof own === "number" && name !== "Recurra"
        ? `${(own / rate).toLocaleString("en", { maximumSignificantDigits: 3 })} x as fast`
        : "";
  }
  return made;
}

/** Fill the page in and wait for the button. */
export async function serve(
  ours: Ours,
  theirs: () => Promise<Peers>,
  jax: () => Promise<Jax>,
): Promise<void> {
  await describe(ours);
  const [start, status] = [element("start") as HTMLButtonElement, element("status")];
  const progress = element("progress") as HTMLProgressElement;
  start.addEventListener("click", async () => {
    start.disabled = true;
    element("results").replaceChildren();
    const all = tasks(ours, theirs, jax);
    progress.hidden = false;
    progress.max = all.reduce((sum, task) => sum + task.entries.length, 0);
    progress.value = 0;
    for (const task of all) {
      const rates = new Map<string, number | string>();
      for (const { name, measure } of task.entries) {
        status.textContent = `${task.title}: ${name} ...`;
        // A peer may hold the page's thread: let it paint first.
        await new Promise((resolve) => setTimeout(resolve, 100));
        try {
          rates.set(name, await measure());
        } catch (problem) {
          rates.set(name, `does not work here (${String(problem).slice(0, 90)})`);
        }
        progress.value++;
      }
      element("results").append(table(task, rates));
    }
    status.textContent = "Done.";
    start.disabled = false;
  });
}
