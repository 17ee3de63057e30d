/** Downloads: tables as CSV, charts as SVG and PNG. */

import type { ForecastAnswer } from "../../place/series.ts";
import { stampOf } from "./chart.ts";

export function save(name: string, data: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const cell = (text: string): string =>
  /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** A forecast as the command line writes it: a row a step. */
export function forecastCsv(found: ForecastAnswer): string {
  const falling = found.intervals;
  const rising = [...falling].reverse();
  const heads = [
    "unique_id",
    "ds",
    "recurra",
    "recurra-median",
    ...falling.map((one) => `recurra-lo-${one.level}`),
    ...rising.map((one) => `recurra-hi-${one.level}`),
    ...(found.truth ? ["y"] : []),
    "seasonal-naive",
  ];
  const rows = found.stamps.map((stamp, n) => [
    cell(found.series),
    stampOf(stamp),
    found.mean[n],
    found.median[n],
    ...falling.map((one) => one.low[n]),
    ...rising.map((one) => one.high[n]),
    ...(found.truth ? [found.truth[n]] : []),
    found.naive[n],
  ]);
  return [heads, ...rows].map((row) => row.map((one) => one ?? "").join(",")).join("\n") + "\n";
}

export function svgText(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copy);
}

/** Draw an SVG as a picture of twice its size. */
export async function pngOf(svg: SVGSVGElement, paper: string): Promise<Blob> {
  const { width, height } = svg.viewBox.baseVal;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * width;
  canvas.height = 2 * height;
  const context = canvas.getContext("2d")!;
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("No picture came of it."))),
      "image/png",
    ),
  );
}
