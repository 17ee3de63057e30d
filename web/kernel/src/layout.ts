/** Where each weight lies in the kernel's flat arrays: rows padded with zeros to 16 numbers. */

import { accept, type Kernel } from "./kernel.ts";
import {
  checkParameters,
  count,
  parameterShapes,
  type Shape,
  type Spec,
  type Weights,
} from "./spec.ts";

interface Place {
  offset: number;
  rows: number;
  columns: number;
  stride: number;
}

export class Layout {
  /** Floats of the flat weights, and of whatever has their form. */
  readonly size: number;
  private readonly places = new Map<string, Place>();

  /** Ask the kernel, with a description that lies in its memory. */
  constructor(
    private readonly kernel: Kernel,
    spec: Spec,
    description: number,
    length: bigint,
  ) {
    const { arena, functions } = kernel;
    const names = [...parameterShapes(spec).keys()];
    const table = arena.allocate(32 * names.length);
    this.size = accept(functions.recurra_parameters(description, length, table));
    const entries = arena.readLongs(table, 4 * names.length);
    names.forEach((name, n) => {
      const [offset, rows, columns, stride] = entries.subarray(4 * n, 4 * n + 4);
      this.places.set(name, { offset: offset!, rows: rows!, columns: columns!, stride: stride! });
    });
    arena.free(table);
  }

  names(): Iterable<string> {
    return this.places.keys();
  }

  /** Write weights into the flat array at an address. */
  write(weights: Weights, at: number): void {
    const flat = this.kernel.arena.floats(at, this.size);
    for (const [name, { offset, rows, columns, stride }] of this.places) {
      const array = weights.get(name)!;
      for (let row = 0; row < rows; row++) {
        flat.set(array.subarray(row * columns, (row + 1) * columns), offset + row * stride);
      }
    }
  }

  /** Return the weights in the flat array at an address, by name, row by row. */
  read(at: number): Weights {
    const flat = this.kernel.arena.floats(at, this.size);
    const weights = this.zeros();
    for (const [name, { offset, rows, columns, stride }] of this.places) {
      const array = weights.get(name)!;
      for (let row = 0; row < rows; row++) {
        const from = offset + row * stride;
        array.set(flat.subarray(from, from + columns), row * columns);
      }
    }
    return weights;
  }

  zeros(): Weights {
    return new Map(
      [...this.places].map(([name, { rows, columns }]) => [name, new Float32Array(rows * columns)]),
    );
  }
}

/** Throw FormatError unless these are the weights that the spec asks for. */
export function checkWeights(spec: Spec, weights: Weights): void {
  const wanted = parameterShapes(spec);
  const shapes = new Map<string, Shape>();
  for (const [name, array] of weights) {
    const shape = wanted.get(name);
    shapes.set(name, shape && count(shape) === array.length ? shape : [array.length]);
  }
  checkParameters(spec, shapes);
}
