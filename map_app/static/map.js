"use strict";
// What every map shares: the map itself, its data, its small pieces of page.
// Text from people reaches the page through textContent only, never as HTML.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  xuncha.texts = {};
  xuncha.layers = [];

  xuncha.text = function (key) {
    return xuncha.texts[key] || key;
  };

  // <tag class="…">children</tag>; strings become text nodes
  xuncha.element = function (tag, options, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options || {})) {
      if (name === "class") node.className = value;
      else if (name === "style") Object.assign(node.style, value);
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };

  // For the few places where Leaflet wants HTML
  xuncha.escaped = function (text) {
    return xuncha.element("span", {}, text || "").innerHTML;
  };

  xuncha.number = function (value, digits) {
    return Number(value).toLocaleString(document.documentElement.lang || undefined, {
      maximumFractionDigits: digits || 0,
    });
  };

  xuncha.map = function (id, settings) {
    xuncha.texts = settings.texts || {};
    const map = L.map(id, {
      minZoom: settings.minZoom,
      maxZoom: settings.maxZoom,
      zoomControl: false,
      attributionControl: false,
      preferCanvas: true,
    });
    L.control.attribution({ prefix: false }).addTo(map);
    L.control.zoom({ position: "bottomright" }).addTo(map);
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
    map.fitBounds(settings.bounds, { padding: [12, 12] });
    restoreView(map);
    window.addEventListener("hashchange", () => restoreView(map));
    map.on("moveend", () => rememberView(map));
    xuncha.theMap = map;
    return map;
  };

  // A map shows that it has the focus only to those who move by keys
  document.addEventListener("keydown", () => document.documentElement.classList.add("keys"));
  document.addEventListener("pointerdown", () => document.documentElement.classList.remove("keys"));

  // The view lives in the address, so that a link, a reload or the other language shows the same place
  function restoreView(map) {
    const found = /^#(\d+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(window.location.hash);
    if (found) map.setView([Number(found[2]), Number(found[3])], Number(found[1]));
  }

  function rememberView(map) {
    const center = map.getCenter();
    const hash = `#${map.getZoom()}/${center.lat.toFixed(5)}/${center.lng.toFixed(5)}`;
    try {
      window.history.replaceState(null, "", hash);
    } catch (error) {
      if (error.name !== "SecurityError") throw error; // some browsers refuse it for files
    }
  }

  xuncha.load = async function (source, query) {
    if (source.key) return window.xunchaData[source.key];
    const answer = await fetch(source.url + (query ? `?${query}` : ""), {
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    if (answer.status === 401) window.location.reload();
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.message || answer.statusText);
    return body;
  };

  // A layer with data: loads, draws, tells the panel, and does so again when the filter changes
  xuncha.dataLayer = function (map, source, draw) {
    let latest = 0;
    const layer = {
      async reload(query) {
        const mine = ++latest;
        document.body.dataset.loading = "true";
        try {
          const answer = await xuncha.load(source, query);
          if (mine !== latest) return;
          await draw(answer);
          xuncha.panel.show(answer);
        } catch (error) {
          if (mine === latest) xuncha.panel.complain(error);
        } finally {
          if (mine === latest) {
            document.body.dataset.loading = "false";
            window.dispatchEvent(new CustomEvent("xuncha:drawn"));
          }
        }
      },
    };
    xuncha.layers.push(layer);
    layer.reload(xuncha.panel.query());
    return layer;
  };

  // Deltas of millionths of a degree, as the server packs them
  xuncha.unpack = function (deltas) {
    const values = new Float64Array(deltas.length);
    let sum = 0;
    for (let i = 0; i < deltas.length; i++) {
      sum += deltas[i];
      values[i] = sum / 1e6;
    }
    return values;
  };

  // The card of one finding, its details fetched when it is opened
  xuncha.card = function (entry) {
    const dot = xuncha.element("i", { class: "dot", style: { background: entry.colour } });
    return xuncha.element("article", { class: "card" }, xuncha.element("h3", {}, dot, entry.name));
  };

  xuncha.fillCard = function (box, details, action) {
    if (details.photo) box.append(xuncha.element("img", { class: "photo", src: details.photo, alt: "", loading: "lazy" }));
    box.append(xuncha.rows(details.rows));
    if (details.url) box.append(xuncha.element("a", { class: "button small", href: details.url }, xuncha.text(action)));
    for (const [text, href] of details.links || []) box.append(xuncha.element("a", { class: "button small quiet", href }, text));
  };

  xuncha.fetchCard = async function (box, url, action, query) {
    const waiting = xuncha.element("p", { class: "waiting" }, "…");
    box.append(waiting);
    try {
      const details = await xuncha.load({ url }, query);
      if (details.title) box.prepend(xuncha.element("h3", {}, details.title));
      xuncha.fillCard(box, details, action);
      for (const picture of box.querySelectorAll("img")) picture.addEventListener("load", fitPopup);
    } catch (error) {
      box.append(xuncha.element("p", { class: "error" }, error.message));
    }
    waiting.remove();
    fitPopup();
  };

  // A popup that has grown since it was opened is brought into view again
  function fitPopup() {
    const map = xuncha.theMap;
    map.eachLayer((layer) => layer instanceof L.Popup && layer.update());
  }

  // The address of a record: the server gives the pattern with 0 in place of the number
  xuncha.at = function (pattern, number) {
    return pattern.replace(/\b0\b/, String(number));
  };

  xuncha.popup = function (map, place, content) {
    L.popup({ maxWidth: 320, minWidth: 220, maxHeight: 420 }).setLatLng(place).setContent(content).openOn(map);
  };

  xuncha.rows = function (pairs) {
    const list = xuncha.element("dl", { class: "rows" });
    for (const [label, value] of pairs) {
      if (value === null || value === undefined || value === "") continue;
      list.append(xuncha.element("dt", {}, label), xuncha.element("dd", {}, String(value)));
    }
    return list;
  };
})();
