"use strict";
// Hotspots: blocks as blocks.js draws them, and a list of stretches; each opens where it lies.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  // answer.layer.stretches: [{text, note, n, bounds: [[south, west], [north, east]], rows, url}]
  xuncha.hotspots = function (map, options) {
    function open(stretch) {
      map.fitBounds(stretch.bounds, { maxZoom: 17, animate: false });
      const box = xuncha.element("article", { class: "card" }, xuncha.element("h3", {}, stretch.text));
      const query = xuncha.panel.query();
      const url = stretch.url && query ? `${stretch.url}?${query}` : stretch.url;
      xuncha.fillCard(box, { rows: stretch.rows, url }, "Open hotspot");
      xuncha.popup(map, L.latLngBounds(stretch.bounds).getCenter(), box);
    }

    return xuncha.blocks(map, options, (layer) => {
      xuncha.panel.list(
        layer.stretches.map((stretch) => ({
          text: stretch.text,
          note: stretch.note,
          n: stretch.n,
          open: () => open(stretch),
        })),
      );
    });
  };
})();
