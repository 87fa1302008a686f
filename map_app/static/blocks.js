"use strict";
// Blocks coloured by data: the lines come from the base map's tiles, only numbers are sent.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});

  // answer.layer: {classes: [{colour, width, dash}], number: [deltas], class: [..], rest: class or null, rows: {…}}
  // `drawn` is told of every new answer
  xuncha.blocks = function (map, options, drawn) {
    let classOf = new Map();
    let layer = null;
    let hidden = new Set();

    function look(feature) {
      const known = classOf.get(feature.props.n);
      const k = known === undefined ? layer.rest : known.k;
      return k === null || k === undefined || hidden.has(k) ? null : k;
    }

    function rule(k) {
      const { colour, wider, dash, thin } = layer.classes[k];
      return {
        dataSource: "blocks",
        dataLayer: "blocks",
        filter: (zoom, feature) => look(feature) === k,
        symbolizer: {
          before(context) {
            context.strokeStyle = colour;
            context.lineCap = "round";
            context.lineJoin = "round";
            context.setLineDash(dash || []);
          },
          draw(context, lines, zoom, feature) {
            const width = Math.max(xuncha.streetWidth(feature.props.c, zoom), zoom < 13 ? 1.1 : 1.8) * (wider || 1);
            context.globalAlpha = 1;
            context.lineWidth = thin ? Math.min(width, 1.5) : Math.min(width, 14);
            xuncha.strokeLines(context, lines);
          },
        },
      };
    }

    // A dark edge under the lines of some blocks; its switch in the legend comes after those of the classes
    function outline() {
      if (!layer.outline || hidden.has(layer.classes.length)) return [];
      const rows = new Set(layer.outline.rows);
      const filter = (zoom, feature) => {
        const known = classOf.get(feature.props.n);
        return known !== undefined && rows.has(known.i) && look(feature) !== null;
      };
      const before = (context) => {
        context.strokeStyle = layer.outline.colour;
        context.lineCap = "round";
        context.lineJoin = "round";
        context.setLineDash([]);
        context.globalAlpha = 1;
      };
      const draw = (context, lines, zoom, feature) => {
        context.lineWidth = Math.min(Math.max(xuncha.streetWidth(feature.props.c, zoom), 1.8) * 1.75, 14) + 3.5;
        xuncha.strokeLines(context, lines);
      };
      return [{ dataSource: "blocks", dataLayer: "blocks", filter, symbolizer: { before, draw } }];
    }

    function draw() {
      if (!layer || !map.streets) return;
      map.streets.paintRules = [...map.streets.baseRules, ...outline(), ...layer.classes.map((_, k) => rule(k))];
      map.streets.rerenderTiles();
    }

    xuncha.withStreets(map, draw);
    map.on("click", (event) => {
      if (!layer || !map.streets) return;
      const near = map.streets.queryTileFeaturesDebug(event.latlng.lng, event.latlng.lat, 10).get("blocks") || [];
      const hit = near.find((found) => look(found.feature) !== null && classOf.has(found.feature.props.n)) || near[0];
      if (hit) show(event.latlng, hit.feature.props.n);
    });

    function show(place, number) {
      const box = xuncha.element("article", { class: "card" });
      xuncha.popup(map, place, box);
      if (layer.columns) xuncha.fillCard(box, { rows: inside(number) });
      else xuncha.fetchCard(box, xuncha.at(options.details, number), "List its findings", xuncha.panel.query());
    }

    // An exported map carries what it says about each block
    function inside(number) {
      const known = classOf.get(number);
      if (!known) return [[layer.label, layer.rest === null ? "0" : layer.classes[layer.rest].label]];
      return layer.columns.map(({ label, words, values }) => [label, words ? words[values[known.i]] : values[known.i]]);
    }

    return xuncha.dataLayer(map, options.source, (answer) => {
      layer = answer.layer;
      classOf = new Map();
      let number = 0;
      layer.number.forEach((step, i) => {
        number += step;
        classOf.set(number, { k: layer.class[i], i });
      });
      draw();
      xuncha.panel.entries(layer.outline ? [...layer.classes, layer.outline] : layer.classes, hidden, (now) => {
        hidden = now;
        draw();
      });
      if (drawn) drawn(layer);
    });
  };
})();
