"use strict";
// Where the rows of a file lie that has been looked at and not been imported yet.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.importPreview = function (map, options) {
    const places = options.points.map(([lon, lat]) => [lat, lon]);
    const renderer = L.canvas();
    for (const place of places) {
      L.circleMarker(place, { renderer, radius: 5, color: "#ffffff", weight: 1, fillColor: "#0b5d6b", fillOpacity: 0.9, interactive: false }).addTo(map);
    }
    if (places.length) map.fitBounds(L.latLngBounds(places).pad(0.1), { maxZoom: 17, animate: false });
  };
})();
