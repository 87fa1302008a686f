"use strict";
// The heat surface: tiles from our own server, or one image inside an exported page.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  // From afar only the main streets, or they hide the surface
  function lighter(rule) {
    return rule.rank > 2 ? { ...rule, minzoom: Math.max(rule.minzoom, 14) } : rule;
  }

  xuncha.heat = function (map, options) {
    let shown = null;
    xuncha.withStreets(map, () => {
      map.streets.setZIndex(2);
      map.streets.paintRules = map.streets.baseRules.filter((rule) => rule.dataSource !== "grounds").map(lighter);
      map.streets.rerenderTiles();
    });
    return xuncha.dataLayer(map, options.source, (answer) => {
      const { tiles, image, bounds, top, colours, unit } = answer.layer;
      if (shown) shown.remove();
      shown = null;
      if (tiles) shown = L.tileLayer(tiles, { maxNativeZoom: 16, maxZoom: 19, opacity: 0.85 });
      else if (image) shown = L.imageOverlay(image, bounds, { opacity: 0.85, pane: "tilePane" });
      // streets and their names stay on top: the surface shows between them
      if (shown) shown.setZIndex(0).addTo(map);
      xuncha.panel.ramp(colours, top, unit);
    });
  };
})();
