"use strict";
// One place: its ground, zones by rule, gates, the streets around, what was judged and the ways walked there.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const turned = (line) => line.map(([lon, lat]) => [lat, lon]);

  xuncha.surroundings = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    const shown = L.layerGroup().addTo(map);
    const plain = { interactive: false, smoothFactor: 0.2 };
    const open = new Map();

    for (const { rings, lines, colour } of options.zones) {
      for (const ring of rings || []) {
        L.polygon(turned(ring), { ...plain, color: colour, weight: 1.8, fillColor: colour, fillOpacity: 0.06 }).addTo(drawn);
      }
      for (const line of lines || []) {
        L.polyline(turned(line), { ...plain, color: colour, weight: 11, opacity: 0.28, lineCap: "round" }).addTo(drawn);
      }
    }
    for (const ring of options.ground) {
      L.polygon(turned(ring), { ...plain, color: options.colours.ground, weight: 1.4, fillOpacity: 0.25 }).addTo(drawn);
    }
    for (const { line, colour, title } of options.streets) {
      const street = L.polyline(turned(line), { color: colour, weight: 4, opacity: 0.9, smoothFactor: 0.2 });
      street.on("click", ({ latlng }) => xuncha.popup(map, latlng, xuncha.element("p", {}, title)));
      street.addTo(drawn);
    }
    for (const { lon, lat, title } of options.gates) {
      const gate = L.marker([lat, lon], {
        icon: L.divIcon({ className: "gate-mark", iconSize: [12, 12], html: "<i></i>" }), keyboard: false, title,
      });
      gate.addTo(drawn);
    }
    if (!options.ground.length) {
      L.circleMarker([options.lat, options.lon], {
        ...plain, radius: 6, color: options.colours.ground, weight: 3, fillColor: "#ffffff", fillOpacity: 1,
      }).addTo(drawn);
    }

    // What is clear of every rule is a dot; the rest carries the number it has in the tables
    function mark(one) {
      if (one.path) {
        L.polyline(turned(one.path), { ...plain, color: one.colour, weight: 2.5, dashArray: "5 4" }).addTo(shown);
      }
      const place = [one.lat, one.lon];
      const shape = one.number
        ? L.marker(place, { icon: numbered(one), title: one.title, zIndexOffset: 1000 - one.number })
        : L.circleMarker(place, { radius: 4.5, color: "#ffffff", weight: 1.2, fillColor: one.colour, fillOpacity: 0.95 });
      shape.on("click", () => tell(one)).addTo(shown);
      if (one.number) open.set(String(one.number), () => tell(one));
    }

    function numbered(one) {
      const bubble = xuncha.element("b", { style: { background: one.colour } }, String(one.number));
      return L.divIcon({ className: "number-mark", iconSize: [20, 20], html: bubble });
    }

    function tell(one) {
      const box = xuncha.element("article", { class: "card" }, xuncha.element("h3", {}, one.title));
      xuncha.fillCard(box, one, "Open finding");
      xuncha.popup(map, [one.lat, one.lon], box);
    }

    function draw(onlyBells) {
      shown.clearLayers();
      for (const one of [...options.marks].reverse()) {
        if (!onlyBells || one.bell !== false) mark(one);
      }
    }

    const bells = document.querySelector("[data-bells]");
    if (bells) bells.addEventListener("change", () => draw(bells.checked));
    draw(bells ? bells.checked : false);
    for (const button of document.querySelectorAll("[data-mark]")) {
      button.addEventListener("click", () => {
        if (!open.has(button.dataset.mark)) return;
        map.getContainer().scrollIntoView({ block: "nearest" });
        open.get(button.dataset.mark)();
      });
    }

    function fit() {
      if (drawn.getLayers().length) map.fitBounds(drawn.getBounds().pad(0.03), { animate: false });
      else map.setView([options.lat, options.lon], 16, { animate: false });
    }
    fit();
    xuncha.printable(map);
  };

  // Many places as dots, those drawn last that come first
  xuncha.places = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    for (const one of [...options.places].reverse()) {
      const dot = L.circleMarker([one.lat, one.lon], {
        radius: one.radius, color: "#ffffff", weight: 1.2, fillColor: one.colour, fillOpacity: 0.9,
      });
      dot.on("click", () => {
        const box = xuncha.element("article", { class: "card" }, xuncha.element("h3", {}, one.title));
        xuncha.fillCard(box, one, "Open the page");
        xuncha.popup(map, [one.lat, one.lon], box);
      });
      dot.addTo(drawn);
    }
    if (options.places.length) map.fitBounds(drawn.getBounds().pad(0.05), { maxZoom: 16, animate: false });
    xuncha.printable(map);
  };

  // On paper the map is as wide as the sheet: drawn as on the screen, and made smaller as a whole
  const PAPER_WIDTH = 690;
  xuncha.printable = function (map) {
    const box = map.getContainer();
    window.addEventListener("beforeprint", () => {
      const { width, height } = box.getBoundingClientRect();
      const scale = Math.min(1, PAPER_WIDTH / width);
      Object.assign(box.style, { width: `${width}px`, height: `${height}px`, zoom: scale });
      box.parentElement.style.height = `${height * scale}px`;
    });
    window.addEventListener("afterprint", () => {
      Object.assign(box.style, { width: "", height: "", zoom: "" });
      box.parentElement.style.height = "";
    });
    for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => window.print());
  };
})();
