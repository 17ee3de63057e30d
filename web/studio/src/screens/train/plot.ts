/** uPlot with the studio's colours. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { token } from "../../app/theme.svelte.ts";

export interface Line {
  label: string;
  /** A design token, such as "accent". */
  colour: string;
  width?: number;
  /** From 0 to 1. */
  alpha?: number;
  points?: boolean;
  dash?: number[];
}

export type Data = uPlot.AlignedData;

export function makePlot(
  target: HTMLElement,
  lines: readonly Line[],
  data: Data,
  xLabel: string,
  yLabel: string,
): uPlot {
  const ink = token("ink-soft");
  const grid = { stroke: token("line-soft"), width: 1 };
  const font = `12px ${token("font")}`;
  const axis = { stroke: ink, grid, ticks: { ...grid, size: 4 }, font, labelFont: font };
  return new uPlot(
    {
      width: Math.max(200, target.clientWidth),
      height: Math.max(160, target.clientHeight),
      cursor: { drag: { x: true, y: false }, points: { size: 7 } },
      legend: { show: false },
      scales: { x: { time: false } },
      axes: [
        { ...axis, label: xLabel, labelSize: 22, size: 36, values: (_, ticks) => ticks.map(tick) },
        { ...axis, label: yLabel, labelSize: 22, size: 52 },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: token(line.colour),
          width: line.width ?? 1.5,
          alpha: line.alpha ?? 1,
          spanGaps: true,
          points: line.points ? { show: true, size: 6, fill: token(line.colour) } : { show: false },
          ...(line.dash ? { dash: line.dash } : {}),
        })),
      ],
    },
    data,
    target,
  );
}

function tick(value: number): string {
  if (Math.abs(value) >= 1e6) return `${value / 1e6}M`;
  return Math.abs(value) >= 1e4 ? `${value / 1e3}k` : String(Number(value.toPrecision(6)));
}

/** Merge curves with points at different places into one table; null where one has no point. */
export function align(curves: readonly (readonly [number[], number[]])[]): Data {
  return uPlot.join(curves.map(([x, y]) => [x, y] as uPlot.AlignedData));
}
