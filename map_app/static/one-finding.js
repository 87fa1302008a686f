"use strict";
// One finding: its point, the ring of its accuracy, the blocks it may lie on.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const FAR_M = 60;
  const RING_SHOWN_M = 150;
  const NEAREST_ZOOM = 18;
  const latLng = ([lon, lat]) => L.latLng(lat, lon);

  xuncha.oneFinding = function (map, options) {
    const place = L.latLng(options.lat, options.lon);
    const drawn = new Map();
    [...options.candidates.entries()].reverse().forEach(([at, one]) => {
      if (place.distanceTo(latLng(one.foot)) > FAR_M) {
        L.polyline([place, latLng(one.foot)], { color: "#56616f", weight: 2, dashArray: "3 6", interactive: false }).addTo(map);
      }
      const line = L.polyline(one.line.map(latLng), { color: one.colour, weight: one.key ? 10 : 7, opacity: 0.8, interactive: Boolean(one.key) });
      line.addTo(map);
      if (one.key) choosable(map, line, one, at + 1, drawn);
    });
    if (options.accuracy) {
      L.circle(place, { radius: options.accuracy, color: "#0b5d6b", weight: 1, fillOpacity: 0.1, interactive: false }).addTo(map);
    }
    L.circleMarker(place, { radius: 7, color: "#ffffff", weight: 2, fillColor: "#1c2733", fillOpacity: 1, interactive: false }).addTo(map);
    const around = place.toBounds(2 * Math.min(options.accuracy || 0, RING_SHOWN_M));
    options.candidates.forEach((one) => around.extend(latLng(one.foot)).extend(latLng(one.number_at)));
    map.fitBounds(around, { padding: [36, 36], maxZoom: NEAREST_ZOOM, animate: false });
    document.addEventListener("xuncha:looked", (event) => {
      for (const [key, line] of drawn) line.setStyle({ weight: key === event.detail ? 15 : 10 });
    });
  };

  // A block with its number; a click on either chooses it, the pointer over it shows its button
  function choosable(map, line, one, number, drawn) {
    const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
    const icon = L.divIcon({ className: "candidate-number", html: String(number), iconSize: [22, 22] });
    const label = L.marker(latLng(one.number_at), { icon, keyboard: false }).addTo(map);
    for (const part of [line, label]) {
      part.on("click", () => tell("xuncha:candidate", one.key));
      part.on("mouseover", () => tell("xuncha:looked", one.key));
      part.on("mouseout", () => tell("xuncha:looked", null));
    }
    drawn.set(one.key, line);
  }
})();
