"use strict";
// One stretch: its line, and the findings on it.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.stretch = function (map, options) {
    const lines = options.lines.map((line) => line.map(([lon, lat]) => [lat, lon]));
    const plain = { interactive: false, smoothFactor: 0.2 };
    L.polyline(lines, { ...plain, color: options.colours.outline, weight: 11, opacity: 0.9 }).addTo(map);
    const drawn = L.polyline(lines, { ...plain, color: options.colours.line, weight: 6, opacity: 0.9 }).addTo(map);
    for (const { lon, lat, colour } of options.findings) {
      L.circleMarker([lat, lon], { radius: 4.5, color: "#ffffff", weight: 1.2, fillColor: colour, fillOpacity: 0.95, interactive: false }).addTo(map);
    }
    map.fitBounds(drawn.getBounds().pad(0.15), { maxZoom: 17, animate: false });
  };
})();
