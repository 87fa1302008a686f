"use strict";
// Hotspots: blocks as blocks.js draws them, a list of stretches that open where they lie, a test of forecasts.
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

    // How the map would have done: inside an exported page, else asked for once the map is there
    async function test(layer) {
      const query = xuncha.panel.query();
      xuncha.panel.extra(layer.forecasts || []);
      if (layer.forecasts || !options.forecasts) return;
      try {
        const answer = await xuncha.load({ url: options.forecasts }, query);
        if (query === xuncha.panel.query()) xuncha.panel.extra(answer.rows);
      } catch (error) {
        xuncha.panel.complain(error);
      }
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
      test(layer);
    });
  };
})();
