"use strict";
// The page for the phone: category, position, photo, note; a track; all through the outbox.
(function () {
  const { kept } = xuncha;
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const settings = JSON.parse(document.getElementById("field-settings").textContent);
  const { texts } = settings;
  // The number for this server, the login for whoever brings a saved file to it, or to another by mistake
  const own = { account: settings.sending.account, login: settings.sending.login };
  const STALE_MS = 60000;
  const RETRY_MS = 30000;
  const POOR_M = 30;
  let position = null; // the last fix, or the place tapped on the map
  let byHand = null;
  let photos = [];
  let choosing = 0; // photos that are being read
  let recording = false;

  const outbox = xuncha.outbox({
    ...settings.sending,
    clockTexts: texts,
    changed: showOutbox,
    told: (item, answer) => {
      if (item.kind === "finding") showAnswer(answer);
      if (item.kind === "check") showChecked(answer);
      if (item.kind === "withdrawal") showWithdrawn(answer);
    },
  });

  // Position ---------------------------------------------------------------------------------------
  const marker = L.circleMarker([0, 0], { radius: 8, weight: 3, color: "#ffffff", fillColor: "#0b5d6b", fillOpacity: 1 });
  const ring = L.circle([0, 0], { radius: 1, weight: 1, color: "#0b5d6b", fillOpacity: 0.12 });
  let moved = false;

  function located(fix) {
    position = {
      lon: fix.coords.longitude,
      lat: fix.coords.latitude,
      accuracy: fix.coords.accuracy,
      heading: fix.coords.speed > 0.5 ? fix.coords.heading : null,
      speed: fix.coords.speed,
      at: fix.timestamp,
      seen: Date.now(),
    };
    if (recording) kept.addFix({ lon: position.lon, lat: position.lat, accuracy: position.accuracy, at: takenAt(position) }).then(showTrack);
    showPosition();
  }

  function lost(error) {
    part("position").textContent = error.code === error.PERMISSION_DENIED ? texts.denied : texts.searching;
    part("position").className = "position poor";
  }

  function showPosition() {
    const shown = byHand || position;
    if (!shown) return;
    const place = [shown.lat, shown.lon];
    marker.setLatLng(place).addTo(xuncha.theMap);
    ring.setLatLng(place).setRadius(shown.accuracy || 1).addTo(xuncha.theMap);
    if (!moved) xuncha.theMap.setView(place, 17, { animate: false });
    moved = true;
    const text = byHand ? texts.byHand : `${texts.accuracy} ±${Math.round(shown.accuracy)} m`;
    part("position").textContent = text;
    part("position").className = !byHand && shown.accuracy > POOR_M ? "position poor" : "position";
    part("use-gps").hidden = !byHand;
    showReady();
  }

  // By the clock of the phone: satellites keep the right time, which is old or to come for a clock that is wrong
  function takenAt(fix) {
    return xuncha.clock.ahead() && Math.abs(fix.seen - fix.at) > STALE_MS ? fix.seen : fix.at;
  }

  function usable() {
    if (byHand) return byHand;
    return position && Date.now() - takenAt(position) < STALE_MS ? position : null;
  }

  // Report -----------------------------------------------------------------------------------------
  function chosen() {
    const button = document.querySelector("[data-code][aria-pressed='true']");
    return button ? button.dataset.code : null;
  }

  function showReady() {
    part("report").disabled = choosing > 0 || !chosen() || !(byHand || position);
    for (const button of document.querySelectorAll("[data-check]")) button.disabled = !(byHand || position);
  }

  function body() {
    return { scheme: settings.scheme, code: chosen(), note: part("note").value.trim() || null, ...here() };
  }

  // When and where, for reports and checks
  function here() {
    const from = usable();
    return {
      observed_at: new Date().toISOString(),
      device: settings.device,
      position: {
        lon: from.lon,
        lat: from.lat,
        frame: "wgs84",
        accuracy_m: byHand ? null : from.accuracy,
        accuracy_kind: byHand ? "unknown" : "r95", // W3C Geolocation: 95 % of the fixes
        source: byHand ? "map" : "phone",
        fixed_at: byHand ? null : new Date(takenAt(from)).toISOString(),
        heading_deg: byHand ? null : from.heading,
        speed_ms: byHand ? null : from.speed,
      },
    };
  }

  // Looked, and nothing was amiss: it counts as an inspection
  async function checked(extent) {
    if (!usable()) return say(texts.waitPosition);
    await kept.put({ id: xuncha.newId(), kind: "check", ...own, body: { extent, ...here() }, created: Date.now(), tried: false });
    say(texts.saved);
    await showOutbox();
    await send();
  }

  function showChecked(answer) {
    const stretch = answer.stretch;
    const street = stretch ? `${stretch.street_name || texts.noName} · ${Math.round(stretch.to_m - stretch.from_m)} m` : texts.checkDoubtful;
    const box = addAnswer(texts.checkReceived, [[texts.street, street]]);
    box.dataset.check = answer.uuid;
    if (answer.withdrawn) showWithdrawn(answer);
    else box.append(withdrawing(answer.uuid));
  }

  // One tap asks why, the next sends it: through the outbox, like what it takes back
  function withdrawing(check) {
    const box = xuncha.element("p", { class: "withdraw" });
    const ask = () => box.replaceChildren(
      ...settings.reasons.map((reason) => xuncha.element("button", { type: "button", class: "button small quiet", onclick: () => withdraw(check, reason, box) }, reason)),
      xuncha.element("button", { type: "button", class: "link", onclick: offer }, texts.keepCheck),
    );
    const offer = () => box.replaceChildren(xuncha.element("button", { type: "button", class: "link", "data-withdraw": check, onclick: ask }, texts.withdraw));
    offer();
    return box;
  }

  // The id sorts right behind that of the check, so that it is never sent before it
  async function withdraw(check, reason, box) {
    box.replaceChildren(texts.withdrawing);
    await kept.put({ id: `${check}-withdrawal`, kind: "withdrawal", check, ...own, body: { reason }, created: Date.now() });
    await showOutbox();
    await send();
  }

  function showWithdrawn(answer) {
    const box = part("answers").querySelector(`[data-check="${answer.uuid}"]`);
    if (!box) return say(texts.withdrawn);
    box.classList.add("withdrawn");
    box.querySelector("h3").textContent = texts.withdrawn;
    const asked = box.querySelector(".withdraw");
    if (asked) asked.remove();
  }

  async function report(event) {
    event.preventDefault();
    if (!chosen()) return say(texts.chooseCategory);
    if (!usable()) return say(texts.waitPosition);
    const item = { id: xuncha.newId(), kind: "finding", ...own, body: body(), created: Date.now(), tried: false, photos };
    await kept.put(item);
    photos = [];
    part("photo-notice").hidden = true;
    byHand = null;
    part("form").reset();
    for (const button of document.querySelectorAll("[data-code]")) button.setAttribute("aria-pressed", "false");
    showPhotos();
    showPosition();
    showReady();
    say(texts.saved);
    await showOutbox();
    await send();
  }

  // What cannot be sent is said at once; no report leaves while a photo of it is still being made
  async function addPhotos(files) {
    const told = [];
    choosing += 1;
    showReady();
    for (const file of files) {
      const photo = await xuncha.shot(file, settings.limits).catch(() => null);
      if (photo) photos.push(photo);
      if (!photo) told.push(`${file.name}: ${texts.noPhoto}`);
      else if (photo.remade) told.push(`${file.name}: ${texts.remade}`);
    }
    choosing -= 1;
    part("photo").value = ""; // the same may be chosen again
    part("photo-notice").textContent = told.join("\n");
    part("photo-notice").hidden = !told.length;
    showPhotos();
    showReady();
  }

  function showPhotos() {
    part("photos").replaceChildren(
      ...photos.map((photo, i) => {
        const picture = xuncha.element("img", { alt: "", src: URL.createObjectURL(new Blob([photo.data], { type: photo.type })) });
        const remove = xuncha.element("button", { type: "button", "aria-label": texts.removePhoto, onclick: () => { photos.splice(i, 1); showPhotos(); } }, "×");
        return xuncha.element("span", { class: "shot" }, picture, remove);
      }),
    );
  }

  // Outbox -----------------------------------------------------------------------------------------
  async function send() {
    const asks = (await outbox.send()) === "login";
    const notice = part("login-again");
    if (asks && notice.hidden) say(notice.firstChild.textContent.trim()); // the notice itself may be out of sight
    notice.hidden = !asks;
  }

  async function showOutbox() {
    const items = await kept.items();
    const counter = part("unsent");
    counter.textContent = items.length ? `${texts.unsent} ${items.length}` : texts.allSent;
    counter.className = items.length ? "unsent some" : "unsent";
    counter.dataset.n = String(items.length);
    part("outbox-tools").hidden = !items.length;
    showClock();
    part("outbox").replaceChildren(...items.map((item) => line(item, items)));
  }

  function showClock() {
    const told = xuncha.clock.told(texts, settings.sending.language);
    part("clock").hidden = !told;
    part("clock").textContent = told || "";
  }

  function line(item, items) {
    const what = named(item);
    const when = new Date(item.created).toLocaleTimeString(settings.sending.language, { hour: "2-digit", minute: "2-digit" });
    const refused = item.refused || (item.photos || []).some((photo) => photo.refused);
    const row = xuncha.element("li", { class: refused ? "refused" : "" }, xuncha.element("b", {}, what), ` ${when}`, xuncha.element("small", {}, state(item)));
    if (item.kind === "check" && item.account === settings.sending.account && !items.some((one) => one.check === item.id)) row.append(withdrawing(item.id));
    if (item.refused) row.append(choice(item));
    for (const [i, photo] of (item.photos || []).entries()) {
      if (photo.refused) row.append(xuncha.element("small", { "data-refused-photo": "" }, `${texts.refusedPhoto} ${i + 1}: ${photo.refused}`), choice(item, i));
    }
    return row;
  }

  // Of what was refused: once more, or away with it, which asks first
  function choice(item, photo) {
    const button = (text, onclick) => xuncha.element("button", { type: "button", class: "link", onclick }, text);
    const box = xuncha.element("p", { class: "withdraw" });
    const offer = () => box.replaceChildren(button(texts.again, () => outbox.again(item.id)), button(texts.drop, ask));
    const ask = () => box.replaceChildren(button(texts.dropForGood, () => outbox.drop(item.id, photo)), button(texts.keepIt, offer));
    offer();
    return box;
  }

  function named(item) {
    if (item.kind === "track") return `${texts.track} · ${item.body.fixes.length}`;
    if (item.kind === "withdrawal") return texts.withdrawalOfCheck;
    return item.kind === "check" ? texts.check : settings.names[item.body.code] || item.body.code;
  }

  function state(item) {
    if (item.refused) return `${texts.refused}: ${item.refused}`;
    const photo = outbox.underWay(item.id);
    if (photo) return `${texts.photo} ${photo.number}/${photo.of} · ${photo.percent} %`;
    if (item.account !== settings.sending.account) return texts.colleague;
    const trouble = outbox.trouble(item.id);
    if (trouble) return `${texts.waiting}: ${trouble}`;
    return item.taken && !(item.photos || []).some((one) => !one.receipt && !one.refused) ? texts.arrived : texts.waiting;
  }

  function showAnswer(answer) {
    const decided = answer.decision;
    const placed = decided || answer.placement;
    const sure = decided ? texts.decided : placed && placed.block_id ? `p = ${placed.p_block.toFixed(2)}` : "";
    const street = placed && placed.block_id ? `${placed.street_name || texts.noName} (${sure})` : texts.outside;
    const rows = [[texts.street, street]];
    if (placed && placed.ambiguous && placed.block_id) rows.push(["", texts.ambiguous]);
    for (const zone of answer.zones || []) rows.push([texts.zone, `${zone.name || zone.kind_name} · ${Math.round(zone.distance_m)} m`]);
    addAnswer(`${texts.received}: ${answer.category || answer.code}`, rows);
  }

  function addAnswer(title, rows) {
    const box = xuncha.element("article", { class: "understood" }, xuncha.element("h3", {}, title), xuncha.rows(rows));
    part("answers").prepend(box);
    while (part("answers").children.length > 3) part("answers").lastChild.remove();
    return box;
  }

  function say(text) {
    const toast = part("toast");
    toast.textContent = text;
    toast.classList.add("shown");
    window.setTimeout(() => toast.classList.remove("shown"), 2600);
  }

  // Track ------------------------------------------------------------------------------------------
  async function toggleTrack() {
    if (recording) await endTrack();
    else {
      await kept.clearFixes();
      await kept.setFact("recording", settings.sending.account);
      recording = true;
    }
    await showTrack();
  }

  async function endTrack() {
    recording = false;
    const fixes = await kept.fixes();
    if (fixes.length >= 2) {
      const rows = fixes.map(({ lon, lat, accuracy, at }) => ({ lon, lat, at: new Date(at).toISOString(), accuracy_m: accuracy }));
      const account = (await kept.fact("recording")) || own.account;
      const recorded = account === own.account ? own : { account };
      const track = { frame: "wgs84", accuracy_kind: "r95", mode: part("mode").value, device: settings.device, fixes: rows };
      await kept.put({ id: xuncha.newId(), kind: "track", ...recorded, body: track, created: Date.now(), tried: false });
    } else say(texts.trackShort);
    await kept.setFact("recording", null);
    await kept.clearFixes();
    await showOutbox();
    await send();
  }

  async function showTrack() {
    const fixes = recording ? await kept.fixes() : [];
    part("track-toggle").textContent = recording ? texts.endTrack : texts.beginTrack;
    part("track-toggle").classList.toggle("recording", recording);
    const minutes = fixes.length ? Math.round((fixes[fixes.length - 1].at - fixes[0].at) / 60000) : 0;
    part("track-state").textContent = recording ? `${fixes.length} ${texts.fixes}, ${minutes} min` : "";
    if (recording) stayAwake();
  }

  // A phone that sleeps takes no fixes; the lock is lost whenever the page is hidden
  let awake = null;
  async function stayAwake() {
    if (awake || !navigator.wakeLock || document.visibilityState !== "visible") return;
    awake = navigator.wakeLock.request("screen").catch(() => null);
    const lock = await awake;
    if (lock) lock.addEventListener("release", () => (awake = null));
    else awake = null;
  }

  // Beginning --------------------------------------------------------------------------------------
  function connection() {
    part("offline").hidden = navigator.onLine;
    if (navigator.onLine) xuncha.clock.measure(settings.sending.api).then(showClock, () => null); // no network after all
    if (navigator.onLine) send();
  }

  async function begin() {
    part("offline").hidden = navigator.onLine; // before anybody taps: it moves what is below it
    for (const button of document.querySelectorAll("[data-code]")) {
      button.addEventListener("click", () => {
        for (const other of document.querySelectorAll("[data-code]")) other.setAttribute("aria-pressed", String(other === button));
        showReady();
      });
    }
    part("form").addEventListener("submit", report);
    for (const button of document.querySelectorAll("[data-check]")) button.addEventListener("click", () => checked(button.dataset.check));
    part("photo").addEventListener("change", (event) => addPhotos([...event.target.files]));
    part("send").addEventListener("click", send);
    part("save").addEventListener("click", xuncha.saveOutbox);
    part("track-toggle").addEventListener("click", toggleTrack);
    part("use-gps").addEventListener("click", () => { byHand = null; moved = false; showPosition(); });
    xuncha.theMap.on("click", (event) => { byHand = { lon: event.latlng.lng, lat: event.latlng.lat, accuracy: null }; showPosition(); });
    window.addEventListener("online", connection);
    window.addEventListener("offline", connection);
    window.setInterval(() => navigator.onLine && send(), RETRY_MS);
    await xuncha.clock.begin();
    recording = Boolean(await kept.fact("recording")); // the page was closed or fell over while recording
    if (navigator.geolocation) xuncha.listen(located, lost);
    else part("position").textContent = texts.denied;
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
    await showTrack();
    await showOutbox();
    connection();
    stayOffline();
  }

  // The service worker keeps this page and all it is made of
  async function stayOffline() {
    if (!navigator.serviceWorker) return;
    await navigator.serviceWorker.register(settings.worker, { scope: settings.scope });
    const ready = await navigator.serviceWorker.ready;
    const made = [...document.querySelectorAll("script[src], link[rel='stylesheet'], link[rel='icon'], link[rel='manifest']")];
    const addresses = [window.location.pathname, ...made.map((node) => node.src || node.href)];
    ready.active.postMessage({ keep: addresses, archives: settings.archives });
  }

  begin();
})();
