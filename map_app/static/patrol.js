"use strict";
// A planned walk: its blocks by reason, with an arrow of order, and numbers where a street begins.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.patrolWalk = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    const plain = { interactive: false, smoothFactor: 0.2 };
    for (const { line, colour } of options.legs) {
      const turned = line.map(([lon, lat]) => [lat, lon]);
      L.polyline(turned, { ...plain, color: "#ffffff", weight: 8, opacity: 0.9 }).addTo(drawn);
      L.polyline(turned, { ...plain, color: colour, weight: 5, opacity: 0.95 }).addTo(drawn);
    }
    for (const { lon, lat, text } of options.marks) {
      const icon = L.divIcon({ className: "walk-mark", html: xuncha.element("span", {}, text).outerHTML, iconSize: [22, 22] });
      L.marker([lat, lon], { icon, interactive: false, keyboard: false }).addTo(drawn);
    }
    if (drawn.getLayers().length) map.fitBounds(drawn.getBounds().pad(0.05), { maxZoom: 17, animate: false });
  };
})();
