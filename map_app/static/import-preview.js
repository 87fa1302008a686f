"use strict";
// Where the rows of a file lie that has been looked at and not been imported yet.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const turned = (places) => places.map(([lon, lat]) => [lat, lon]);

  xuncha.importPreview = function (map, options) {
    const renderer = L.canvas();
    const seen = L.latLngBounds([]);
    const add = (shape, places) => {
      shape.addTo(map);
      seen.extend(L.latLngBounds(places));
    };
    for (const area of options.areas) {
      const places = turned(area);
      add(L.polygon(places, { renderer, color: "#0b5d6b", weight: 2, fillOpacity: 0.15, interactive: false }), places);
    }
    for (const line of options.lines) {
      const places = turned(line);
      add(L.polyline(places, { renderer, color: "#ffffff", weight: 7, opacity: 0.9, interactive: false }), places);
      add(L.polyline(places, { renderer, color: "#0b5d6b", weight: 4, interactive: false }), places);
    }
    for (const place of turned(options.points)) {
      add(L.circleMarker(place, { renderer, radius: 5, color: "#ffffff", weight: 1, fillColor: "#0b5d6b", fillOpacity: 0.9, interactive: false }), [place]);
    }
    if (seen.isValid()) map.fitBounds(seen.pad(0.1), { maxZoom: 17, animate: false });
  };
})();
