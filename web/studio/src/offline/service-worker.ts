/**
 * The service worker: the site works without a network once it was loaded, and its pages are
 * cross-origin isolated on hosts that cannot send headers, so that the kernel gets its threads there
 * (from the second visit on: the first page is loaded before there is a service worker).
 *
 * What people bring and train is in IndexedDB and is no business of this file.
 */

/** Written in by vite/offline.ts: the site's files, and a digest of them all. */
const FILES = JSON.parse("__RECURRA_FILES__") as string[];
const VERSION = "__RECURRA_VERSION__";

declare const self: ServiceWorkerGlobalScope;

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorkerGlobalScope extends EventTarget {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}

const SCOPE = self.registration.scope;
/** Other applications may live on the same origin: a cache's name tells whose it is. */
const OURS = `recurra ${SCOPE} `;
const CACHE = OURS + VERSION;
const INDEX = new URL(FILES[0]!, SCOPE).href;

self.addEventListener("install", (event) => {
  (event as ExtendableEvent).waitUntil(install());
});
self.addEventListener("activate", (event) => {
  (event as ExtendableEvent).waitUntil(activate());
});
self.addEventListener("fetch", (event) => {
  const { request } = event as FetchEvent;
  if (isOurs(request)) (event as FetchEvent).respondWith(answer(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  // Files with a digest in their name may come from the browser's own cache.
  const requests = FILES.map(
    (file) => new Request(new URL(file, SCOPE), { cache: isHashed(file) ? "default" : "no-cache" }),
  );
  await cache.addAll(requests);
  await self.skipWaiting();
}

/** Keep this version and the one before it, of which a page may still be open. */
async function activate(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The site's own files; never the server's answers. */
function isOurs({ method, url, mode, headers }: Request): boolean {
  if (method !== "GET" || !url.startsWith(SCOPE) || headers.has("range")) return false;
  const path = url.slice(SCOPE.length).split(/[?#]/)[0]!;
  if (path.startsWith("api/")) return false;
  return mode === "navigate" ? path === "" || path === FILES[0] : true;
}

const isHashed = (path: string): boolean => path.startsWith("assets/");

async function answer(request: Request): Promise<Response> {
  const path = request.url.slice(SCOPE.length);
  if (isHashed(path))
    return isolated((await caches.match(request)) ?? (await fetchAndKeep(request)));
  try {
    const response = await fetch(request);
    // The page and the lists beside it are asked for each time, and kept for when nobody answers.
    if (response.ok && !response.redirected && isSmall(path)) await keep(request, response.clone());
    return isolated(response);
  } catch (error) {
    const kept = await caches.match(request.mode === "navigate" ? INDEX : request, {
      ignoreSearch: true,
    });
    if (kept) return isolated(kept);
    throw error;
  }
}

/** Texts are kept in the database, not here. */
const isSmall = (path: string): boolean => !path.startsWith("corpora/") || path.endsWith(".json");

async function fetchAndKeep(request: Request): Promise<Response> {
  const response = await fetch(request);
  if (response.ok) await keep(request, response.clone());
  return response;
}

async function keep(request: Request, response: Response): Promise<void> {
  const cache = await caches.open(CACHE);
  // A token in the address is nobody's business: the page is kept under its plain name.
  await cache.put(request.mode === "navigate" ? INDEX : request, response).catch(() => undefined);
}

/** Add the headers of isolation where the host does not send them. */
function isolated(response: Response): Response {
  const { status, statusText, type, headers: given } = response;
  // What was redirected has to stay as it is, and an error or an empty answer has no use for it.
  if (!status || response.redirected || type === "opaque" || type === "opaqueredirect") {
    return response;
  }
  if (given.has("cross-origin-embedder-policy") || [204, 205, 304].includes(status))
    return response;
  const headers = new Headers(given);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", "require-corp");
  headers.set("cross-origin-resource-policy", "same-origin");
  return new Response(response.body, { status, statusText, headers });
}

export {};
