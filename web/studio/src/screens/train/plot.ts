/** A plot of lines in the studio's colours. */

import { token } from "../../app/theme.svelte.ts";
import { LinePlot, type Line, type Under } from "../../canvas/line-plot.ts";

export type { Line };

/** `colour` of a line is a design token, such as "accent". */
export function makePlot(
  target: HTMLElement,
  lines: readonly Line[],
  xLabel: string,
  yLabel: string,
  hear?: (under: Under | null) => void,
): LinePlot {
  const look = { ink: token("ink-soft"), grid: token("line-soft"), font: `12px ${token("font")}` };
  const coloured = lines.map((line) => ({ ...line, colour: token(line.colour) }));
  return new LinePlot(target, coloured, look, xLabel, yLabel, hear);
}
