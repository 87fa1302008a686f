"use strict";
// One device: its positions as they are read now, and as they would be read in another frame.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.shifts = function (map, options) {
    const drawn = L.featureGroup().addTo(map);
    for (const { lon, lat, colour } of [options.read, options.guess]) {
      const lons = xuncha.unpack(lon);
      const lats = xuncha.unpack(lat);
      for (let i = 0; i < lons.length; i++) {
        L.circleMarker([lats[i], lons[i]], { radius: 3, stroke: false, fillColor: colour, fillOpacity: 0.7, interactive: false }).addTo(drawn);
      }
    }
    if (drawn.getLayers().length) map.fitBounds(drawn.getBounds().pad(0.05), { animate: false });
  };
})();
