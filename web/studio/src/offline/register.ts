/** Register the service worker, once the page has nothing more urgent to do. */

export function workOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const register = (): void => {
    const script = new URL("sw.js", document.baseURI);
    navigator.serviceWorker.register(script, { updateViaCache: "none" }).catch(() => {
      // A page without it works as well, but not without a network.
    });
  };
  const soon = (): void => void setTimeout(register, 1000);
  if (document.readyState === "complete") soon();
  else addEventListener("load", soon, { once: true });
}
