"use strict";
// Keeps the page for the phone, and the streets below its map, for when there is no network.
const PAGES = "xuncha-field-pages-1";
const STREETS = "xuncha-field-streets-1";
const PATIENCE_MS = 4000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  const { keep, archives } = event.data;
  event.waitUntil(Promise.all([keepPages(keep), keepStreets(archives)]).then(() => event.source.postMessage("kept")));
});

// The page comes last: one that is kept has all it is made of
async function keepPages([page, ...parts]) {
  const cache = await caches.open(PAGES);
  await Promise.all(parts.map((address) => keepPage(cache, address)));
  await keepPage(cache, page);
}

async function keepPage(cache, address) {
  const answer = await fetch(address, { cache: "no-cache" });
  if (!answer.ok || answer.redirected) throw new Error(`${address}: ${answer.status}`);
  await cache.put(address, answer);
}

// Archives are read in pieces, and a cache holds no pieces: keep the whole, cut it when asked
async function keepStreets(addresses) {
  const cache = await caches.open(STREETS);
  for (const old of await cache.keys()) {
    if (!addresses.includes(new URL(old.url).pathname)) await cache.delete(old);
  }
  for (const address of addresses) {
    if (!(await cache.match(address))) {
      const answer = await fetch(address);
      if (answer.status === 200) await cache.put(address, answer);
    }
  }
}

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  if (address.pathname.startsWith("/tiles/base/")) event.respondWith(piece(event.request));
  else if (address.pathname === "/field" || address.pathname.startsWith("/assets/")) event.respondWith(newest(event.request));
});

// From the server while it answers in time, else as it was kept
async function newest(request) {
  const cache = await caches.open(PAGES);
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("late")), PATIENCE_MS));
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (answer.ok && !answer.redirected) await cache.put(request, answer.clone());
    return answer;
  } catch (error) {
    return (await cache.match(request, { ignoreSearch: true })) || Response.error();
  }
}

async function piece(request) {
  const whole = await (await caches.open(STREETS)).match(request.url);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("Range") || "");
  if (!whole || !range) return fetch(request);
  const data = await whole.arrayBuffer();
  const from = Number(range[1]);
  const to = Math.min(range[2] ? Number(range[2]) : data.byteLength - 1, data.byteLength - 1);
  const headers = { "Content-Type": "application/vnd.pmtiles", "Content-Range": `bytes ${from}-${to}/${data.byteLength}` };
  return new Response(data.slice(from, to + 1), { status: 206, headers });
}
