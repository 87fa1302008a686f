"use strict";
// One school: its ground, its zone, what was judged around it and the ways walked there.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const turned = (line) => line.map(([lon, lat]) => [lat, lon]);

  xuncha.surroundings = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    const plain = { interactive: false, smoothFactor: 0.2 };
    for (const ring of options.zone) {
      L.polygon(turned(ring), { ...plain, color: options.colours.zone, weight: 1.4, fillOpacity: 0.1 }).addTo(drawn);
    }
    for (const ring of options.ground) {
      L.polygon(turned(ring), { ...plain, color: options.colours.ground, weight: 1.2, fillOpacity: 0.3 }).addTo(drawn);
    }
    for (const { lon, lat, colour, path } of options.marks) {
      if (path) L.polyline(turned(path), { ...plain, color: colour, weight: 3, dashArray: "6 4" }).addTo(drawn);
      L.circleMarker([lat, lon], { radius: 6, color: "#ffffff", weight: 1.5, fillColor: colour, fillOpacity: 1, interactive: false }).addTo(drawn);
    }
    if (drawn.getLayers().length) map.fitBounds(drawn.getBounds().pad(0.05), { animate: false });
    else map.setView([options.lat, options.lon], 16, { animate: false });
  };
})();
