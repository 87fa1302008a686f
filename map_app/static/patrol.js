"use strict";
// A planned walk: its blocks by reason, what is to be checked again, and numbers where a street begins.
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
    for (const { lon, lat, text } of options.points) {
      const look = { radius: 5, color: "#ffffff", weight: 1.5, fillColor: options.colour, fillOpacity: 1 };
      L.circleMarker([lat, lon], look).bindTooltip(xuncha.escaped(text)).addTo(drawn);
    }
    for (const { lon, lat, text } of options.marks) {
      const icon = L.divIcon({ className: "walk-mark", html: xuncha.element("span", {}, text).outerHTML, iconSize: [22, 22] });
      L.marker([lat, lon], { icon, interactive: false, keyboard: false }).addTo(drawn);
    }
    const whole = () => {
      const bounds = drawn.getBounds();
      if (bounds.isValid()) map.fitBounds(bounds.pad(0.05), { maxZoom: 17, animate: false });
    };
    whole();
    // whoever looked closer on the screen still has the whole walk on paper
    window.addEventListener("beforeprint", () => {
      if (!map.getBounds().contains(drawn.getBounds())) whole();
    });
    xuncha.printable(map);
  };
})();
