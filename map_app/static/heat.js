"use strict";
// The heat surface: tiles from our own server, or one image inside an exported page.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  xuncha.heat = function (map, options) {
    let shown = null;
    return xuncha.dataLayer(map, options.source, (answer) => {
      const { tiles, image, bounds, top, colours } = answer.layer;
      if (shown) shown.remove();
      shown = null;
      if (tiles) shown = L.tileLayer(tiles, { maxNativeZoom: 16, maxZoom: 19, opacity: 0.85 });
      else if (image) shown = L.imageOverlay(image, bounds, { opacity: 0.85 });
      if (shown) shown.addTo(map);
      xuncha.panel.ramp(colours, top);
    });
  };
})();
