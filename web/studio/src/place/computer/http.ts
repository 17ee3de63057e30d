/** Requests to the studio's API, typed by its OpenAPI document, and what it refuses. */

import type { paths } from "../../generated/api.d.ts";
import type { Progress, Refusal } from "../place.ts";

type Method = "get" | "post" | "patch" | "delete";
type Operation<P extends keyof paths, M extends Method> = Extract<
  paths[P][M],
  { responses: unknown }
>;
type Content<R> = R extends { content: { "application/json": infer Body } } ? Body : void;
/** What a route answers when all is well. */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R }
    ? Content<R extends { 200: infer Ok } ? Ok : R extends { 201: infer Made } ? Made : never>
    : never;
type BodyOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: { content: { "application/json": infer Body } } }
    ? Body
    : never;

export interface Details<P extends keyof paths, M extends Method> {
  id?: string;
  query?: Record<string, string | number>;
  body?: BodyOf<P, M>;
  signal?: AbortSignal;
}

export class HttpRefusal extends Error implements Refusal {
  readonly status: number;
  readonly field: string | null;

  constructor(status: number, message: string, field: string | null = null) {
    super(message);
    this.name = "HttpRefusal";
    this.status = status;
    this.field = field;
  }
}

const AWAY =
  "The studio on this computer does not answer. If it was closed, start it again with " +
  "`recurra studio`; trainings go on without it.";
const LOCKED =
  "This page is not allowed in. Open the address that `recurra studio` printed, with its token.";

/** The address of a route; the page may lie in any folder. */
export function address(
  path: string,
  id?: string,
  query?: Record<string, string | number>,
): string {
  const named = path.replace("{id}", encodeURIComponent(id ?? ""));
  const pairs = Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]);
  const search = pairs.length ? `?${new URLSearchParams(pairs)}` : "";
  return new URL(`.${named}${search}`, document.baseURI).href;
}

/** Ask a route and return its response, whatever is in it. */
export async function request<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  { id, query, body, signal }: Details<P, M> = {},
): Promise<Response> {
  const response = await fetch(address(path, id, query), {
    method: method.toUpperCase(),
    credentials: "same-origin",
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : new HttpRefusal(0, AWAY);
  });
  if (!response.ok) throw refusal(response.status, await response.json().catch(() => null));
  return response;
}

/** Ask a route for JSON. */
export async function ask<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  details: Details<P, M> = {},
): Promise<Answer<P, M>> {
  const response = await request(method, path, details);
  return (response.status === 204 ? undefined : await response.json()) as Answer<P, M>;
}

/** Make an error of problem details (RFC 9457). */
export function refusal(status: number, problem: unknown): HttpRefusal {
  const said = (problem ?? {}) as { detail?: string; title?: string; field?: string };
  const text = said.detail ?? said.title ?? `The studio answered with an error (${status}).`;
  return new HttpRefusal(status, status === 401 ? LOCKED : text, said.field ?? null);
}

/**
 * Ask a route that answers with one JSON object a line, and hear each; a line `{"error": …}` is
 * thrown. Ends quietly when `signal` is aborted.
 */
export async function lines<P extends keyof paths>(
  path: P,
  details: Details<P, "post">,
  hear: (line: Record<string, unknown>) => void,
): Promise<void> {
  const { signal } = details;
  try {
    const response = await request("post", path, details);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = (rest + value).split("\n");
      rest = whole.pop() ?? "";
      for (const text of whole) {
        if (!text) continue;
        const line = JSON.parse(text) as Record<string, unknown>;
        if (line.error) {
          const problem = line.error as { status?: number };
          throw refusal(problem.status ?? 500, problem);
        }
        hear(line);
      }
    }
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof TypeError ? new HttpRefusal(0, AWAY) : error;
  }
}

/** Send a file as it is. `fetch` says nothing of how far it is, so the older way is taken. */
export function upload<P extends keyof paths>(
  path: P,
  name: string,
  data: Blob,
  progress?: Progress,
  where: { id?: string; query?: Record<string, string> } = {},
): Promise<Answer<P, "post">> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", address(path, where.id, { ...where.query, name }));
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total) progress?.(event.loaded / event.total);
    };
    sending.onload = () => {
      const answer: unknown = parsed(sending.responseText);
      if (sending.status < 300) resolve(answer as Answer<P, "post">);
      else reject(refusal(sending.status, answer));
    };
    // A server that refuses a file early closes the connection before all of it was sent.
    sending.onerror = () => reject(new HttpRefusal(0, AWAY));
    sending.send(data);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
