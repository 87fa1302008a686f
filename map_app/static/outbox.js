"use strict";
// What was taken on this phone and is not yet with the server: kept in IndexedDB until the receipt is in.
// Nothing is deleted before the server has answered for it.
(function () {
  const PART_BYTES = 256 * 1024; // what is not longer goes at once
  const MOST_AMISS = 2;
  const xuncha = (window.xuncha = window.xuncha || {});
  const opened = new Promise((resolve, reject) => {
    const request = indexedDB.open("xuncha-field", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("outbox", { keyPath: "id" });
      request.result.createObjectStore("fixes", { autoIncrement: true });
      request.result.createObjectStore("facts");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  async function within(store, mode, work) {
    const database = await opened;
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode, { durability: "strict" });
      const request = work(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request && request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  const kept = (xuncha.kept = {
    fact: (name) => within("facts", "readonly", (store) => store.get(name)),
    setFact: (name, value) => within("facts", "readwrite", (store) => store.put(value, name)),
    addFix: (fix) => within("fixes", "readwrite", (store) => store.add(fix)),
    fixes: () => within("fixes", "readonly", (store) => store.getAll()),
    clearFixes: () => within("fixes", "readwrite", (store) => store.clear()),
    items: () => within("outbox", "readonly", (store) => store.getAll()),
    put: (item) => within("outbox", "readwrite", (store) => store.put(item)),
    remove: (id) => within("outbox", "readwrite", (store) => store.delete(id)),
  });

  xuncha.newId = function () {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  class Refused extends Error {
    constructor(message, status) {
      super(message);
      this.status = status;
    }
  }
  class LoggedOut extends Error {}
  // The server failed at this one thing: later again, but what is behind it need not wait
  class Failed extends Error {}
  // Too many, busy, no space: nothing else would fare better now
  const ALL_WAIT = [429, 503, 507];

  // options: {api, account, tokenUrl, csrf, changed(), told(item, answer), language, clockTexts}
  xuncha.outbox = function (options) {
    let sending = null;
    const troubles = new Map(); // what the server failed at in the last run, and what it said
    let underWay = null; // the photo that is being sent: {id, number, of, percent}

    async function token(account, fresh) {
      const known = await kept.fact(`token-${account}`);
      if (known && !fresh) return known;
      if (account !== options.account) throw new LoggedOut(); // somebody else's reports wait for them
      const answer = await fetch(options.tokenUrl, { method: "POST", headers: { "X-CSRFToken": options.csrf } });
      if (answer.redirected || !answer.ok) throw new LoggedOut();
      const given = (await answer.json()).token;
      await kept.setFact(`token-${account}`, given);
      return given;
    }

    async function ask(item, path, method, body, type) {
      for (const fresh of [false, true]) {
        const answer = await fetch(options.api + path, {
          method,
          body,
          credentials: "omit",
          headers: {
            Authorization: `Bearer ${await token(item.account, fresh)}`,
            "Content-Type": type,
            "Accept-Language": options.language,
          },
        });
        xuncha.clock.heard(answer);
        if (answer.status === 401 && !fresh) continue;
        if (answer.status === 401) break;
        if (answer.ok) return answer.json();
        const told = await answer.json().catch(() => null);
        const message = (told && told.error && told.error.message) || answer.statusText;
        if (ALL_WAIT.includes(answer.status)) throw new Error(message);
        throw answer.status < 500 ? new Refused(message, answer.status) : new Failed(message);
      }
      throw new LoggedOut();
    }

    // Of a check that the server refused, or was never asked to keep, nothing is left to withdraw
    async function sendWithdrawal(item) {
      try {
        const answer = await ask(item, `/checks/${item.check}/withdrawal`, "PUT", JSON.stringify(item.body), "application/json");
        options.told(item, answer);
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 404) throw error;
        await kept.remove(item.check);
      }
      await kept.remove(item.id);
    }

    async function sendOne(item) {
      if (item.kind === "withdrawal") return sendWithdrawal(item);
      if (!item.taken) {
        await putTimesRight(item);
        const answer = await hand(item);
        item.taken = true;
        await kept.put(item);
        options.told(item, answer);
      }
      const photos = item.photos || [];
      let failed = null;
      for (const [i, photo] of photos.entries()) {
        if (photo.receipt || photo.refused) continue;
        underWay = { id: item.id, number: i + 1, of: photos.length, percent: 0 };
        options.changed();
        try {
          photo.receipt = await sendPhoto(item, photo);
        } catch (error) {
          // the others go on
          if (error instanceof Refused) photo.refused = error.message;
          else if (error instanceof Failed) failed = error;
          else throw error;
        }
        await kept.put(item);
      }
      if (failed) throw failed;
      if (photos.every((photo) => photo.receipt)) await kept.remove(item.id);
    }

    // Before it leaves for the first time; from then on the same again has to be the same
    async function putTimesRight(item) {
      if (item.tried !== false) return;
      await xuncha.clock.measure(options.api);
      if (xuncha.clock.ahead()) xuncha.clock.correct(item, xuncha.clock.ahead(), options.clockTexts, options.language);
      item.tried = true;
      await kept.put(item);
    }

    // What was refused as of the future was never taken: it may be changed still, also if the clock is right by now
    async function hand(item) {
      const put = () => ask(item, `/${item.kind}s/${item.id}`, "PUT", JSON.stringify(item.body), "application/json");
      try {
        return await put();
      } catch (error) {
        const over = xuncha.clock.over(item.body);
        if (!(error instanceof Refused) || error.status !== 422 || !over) throw error;
        xuncha.clock.correct(item, Math.max(over, xuncha.clock.ahead()), options.clockTexts, options.language);
        await kept.put(item);
        return put();
      }
    }

    async function sendPhoto(item, photo) {
      const sum = await digest(photo.data);
      const inParts = sum && photo.data.byteLength > PART_BYTES;
      const receipt = await (inParts ? sendParts(item, photo, sum) : sendWhole(item, photo));
      if (sum && receipt.sha256 !== sum) throw new Failed("receipt of another photo");
      return receipt.sha256;
    }

    function sendWhole(item, photo) {
      return ask(item, `/findings/${item.id}/photos`, "POST", photo.data, sendable(photo.type));
    }

    // The server knows how far it is; after a cut connection only what has not come is sent
    async function sendParts(item, photo, sum) {
      const path = `/findings/${item.id}/uploads`;
      const announced = JSON.stringify({ sha256: sum, n_bytes: photo.data.byteLength });
      let state = await ask(item, path, "POST", announced, "application/json");
      let amiss = 0;
      while (!state.photo) {
        const { offset } = state;
        const part = photo.data.slice(offset, offset + state.part_bytes);
        try {
          state = await ask(item, `${path}/${sum}?offset=${offset}`, "PATCH", part, "application/octet-stream");
        } catch (error) {
          // another tab sends it too, or what came was damaged and has to come anew: but not for ever
          if (!(error instanceof Refused) || ![404, 409, 422].includes(error.status) || ++amiss > MOST_AMISS) throw error;
          state = await ask(item, path, "POST", announced, "application/json");
        }
        underWay.percent = Math.floor((100 * state.offset) / state.n_bytes);
        options.changed();
      }
      return state.photo;
    }

    async function sendAll() {
      for (const item of await kept.items()) {
        if (item.refused) continue;
        troubles.delete(item.id);
        try {
          await sendOne(item);
        } catch (error) {
          if (error instanceof Refused) {
            item.refused = error.message;
            await kept.put(item);
          } else if (error instanceof LoggedOut) {
            if (item.account === options.account) return "login";
          } else if (error instanceof Failed) {
            troubles.set(item.id, error.message);
          } else return "later"; // no network, or all have to wait
        }
        options.changed();
      }
      return "done";
    }

    return {
      // One run at a time; two tabs would only send the same twice, which the server answers alike
      send() {
        sending ||= sendAll().finally(() => {
          sending = underWay = null;
          options.changed();
        });
        return sending;
      },
      underWay: (id) => (underWay && underWay.id === id ? underWay : null),
      trouble: (id) => troubles.get(id),
      // All of it: a report that the server no longer has is put there again before its photos
      async again(id) {
        await change(id, (item) => {
          item.refused = null;
          item.taken = false;
          for (const photo of item.photos || []) photo.refused = null;
        });
        return this.send();
      },
      // For good: what the server refuses, and nobody wants to send again
      async drop(id, photo) {
        await change(id, (item) => {
          if (photo === undefined) return "gone";
          item.photos.splice(photo, 1);
          return item.taken && item.photos.every((one) => one.receipt) ? "gone" : "kept";
        });
        options.changed();
      },
    };

    // A run would write back what it has read: it ends first
    async function change(id, changing) {
      await sending;
      const item = (await kept.items()).find((one) => one.id === id);
      if (item) await (changing(item) === "gone" ? kept.remove(id) : kept.put(item));
    }
  };

  function sendable(type) {
    return ["image/jpeg", "image/png", "image/webp"].includes(type) ? type : "application/octet-stream";
  }

  // The sum is only at hand on a secure page; without it the receipt is taken at its word
  async function digest(data) {
    if (!window.crypto.subtle) return null;
    const sum = await crypto.subtle.digest("SHA-256", data);
    return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // Everything unsent as one file, photos inside, for a phone that never finds a network again
  xuncha.saveOutbox = async function () {
    const items = await Promise.all(
      (await kept.items()).map(async (item) => ({
        ...item,
        photos: (item.photos || []).map((photo) => ({ ...photo, data: base64(photo.data) })),
      })),
    );
    const file = new Blob([JSON.stringify({ format: "xuncha-outbox-1", items }, null, 1)], { type: "application/json" });
    const link = xuncha.element("a", { href: URL.createObjectURL(file), download: "xuncha-outbox.json" });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  function base64(data) {
    let text = "";
    const bytes = new Uint8Array(data);
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  }
})();
