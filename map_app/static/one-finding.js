"use strict";
// One finding: its point, the ring of its accuracy, the blocks it may lie on.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.oneFinding = function (map, options) {
    const place = [options.lat, options.lon];
    for (const { line, colour, key } of [...options.candidates].reverse()) {
      const drawn = L.polyline(line.map(([lon, lat]) => [lat, lon]), { color: colour, weight: key ? 10 : 7, opacity: 0.75, interactive: Boolean(key) });
      if (key) drawn.on("click", () => document.dispatchEvent(new CustomEvent("xuncha:candidate", { detail: key })));
      drawn.addTo(map);
    }
    if (options.accuracy) {
      L.circle(place, { radius: options.accuracy, color: "#0b5d6b", weight: 1, fillOpacity: 0.1, interactive: false }).addTo(map);
    }
    L.circleMarker(place, { radius: 7, color: "#ffffff", weight: 2, fillColor: "#1c2733", fillOpacity: 1, interactive: false }).addTo(map);
    map.setView(place, 17, { animate: false });
  };
})();
