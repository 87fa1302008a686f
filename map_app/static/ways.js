"use strict";
// The ways on foot around one place: a click on one leads to its row, and says where a barrier stands.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const turned = (line) => line.map(([lon, lat]) => [lat, lon]);

  xuncha.ways = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    for (const ring of options.ground) {
      L.polygon(turned(ring), { interactive: false, color: options.colours.ground, weight: 1.4, fillOpacity: 0.25 }).addTo(drawn);
    }
    for (const [lon, lat] of options.gates) {
      L.marker([lat, lon], { icon: L.divIcon({ className: "gate-mark", iconSize: [12, 12], html: "<i></i>" }), keyboard: false, interactive: false }).addTo(drawn);
    }
    const chosen = L.layerGroup().addTo(map);
    const lines = new Map();
    for (const one of [...options.ways].reverse()) {
      const colour = options.colours[one.state];
      const dash = one.state === "absent" || one.state === "barrier" ? "6 6" : null;
      if (one.waits) L.polyline(turned(one.line), { color: "#1c2733", weight: 11, opacity: 0.35, interactive: false }).addTo(drawn);
      const line = L.polyline(turned(one.line), { color: colour, weight: 6, opacity: 0.9, dashArray: dash }).addTo(drawn);
      line.bindTooltip(String(one.number), { sticky: true });
      line.on("click", ({ latlng }) => choose(one, latlng));
      lines.set(one.key, [one, line]);
      if (one.state === "barrier") mark(one.at, drawn);
    }

    function mark([lon, lat], layer) {
      L.circleMarker([lat, lon], { radius: 6, color: "#ffffff", weight: 2, fillColor: options.colours.barrier, fillOpacity: 1, interactive: false }).addTo(layer);
    }

    function choose(one, latlng) {
      chosen.clearLayers();
      L.polyline(turned(one.line), { color: "#0b5d6b", weight: 10, opacity: 0.5, interactive: false }).addTo(chosen);
      const row = document.getElementById(`way-${one.key}`);
      for (const other of document.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
      if (!row) return;
      row.classList.add("chosen");
      row.scrollIntoView({ block: "nearest" });
      if (!latlng) return;
      mark([latlng.lng, latlng.lat], chosen);
      const { lon, lat } = row.querySelector("form").elements;
      lon.value = latlng.lng.toFixed(6);
      lat.value = latlng.lat.toFixed(6);
    }

    for (const button of document.querySelectorAll("[data-way]")) {
      button.addEventListener("click", () => {
        const [one, line] = lines.get(button.dataset.way);
        choose(one, null);
        map.getContainer().scrollIntoView({ block: "nearest" });
        map.fitBounds(line.getBounds().pad(1), { maxZoom: 18 });
      });
    }
    if (drawn.getLayers().length) map.fitBounds(drawn.getBounds().pad(0.03), { animate: false });
  };
})();
