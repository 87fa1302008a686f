"use strict";
// The base map: our own streets from PMTiles, calm enough to carry data.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", system-ui, sans-serif';

  // Width in pixels by zoom for each rank, the widest first
  const WIDTHS = [
    [[8, 1], [11, 2.2], [13, 4], [15, 8], [17, 16], [19, 30]],
    [[8, 0.8], [11, 1.8], [13, 3.4], [15, 7], [17, 15], [19, 28]],
    [[9, 0.5], [11, 1.2], [13, 2.6], [15, 6], [17, 13], [19, 26]],
    [[10, 0.4], [12, 0.9], [14, 2.6], [15, 4.6], [17, 11], [19, 22]],
    [[10, 0.3], [12, 0.6], [14, 1.7], [15, 3.2], [17, 8], [19, 18]],
    [[12, 0.2], [14, 0.7], [16, 2], [17, 3.4], [19, 9]],
    [[13, 0.2], [15, 0.7], [17, 1.2], [19, 2.4]],
  ].map((stops) => protomapsL.linear(stops));
  const FIRST_ZOOM = [0, 0, 8, 10, 10, 12, 13];
  const CASED_FROM = [10, 11, 12, 13, 14, 16, 99];
  const FILL = ["#fdf3d8", "#fffaf0", "#ffffff", "#ffffff", "#ffffff", "#ffffff", "#d3cec4"];
  const THIN = ["#dfcfa6", "#d9d2c3", "#dcd8cf", "#dedbd3", "#e3e0d9", "#e3e0d9", "#d9d5cc"];
  const CASING = "#d2cdc2";
  const GROUNDS = {
    park: "#e3ecdc",
    school: "#eee7f3",
    kindergarten: "#eee7f3",
    primary: "#eee7f3",
    secondary: "#eee7f3",
    college: "#eee7f3",
    hospital: "#f6e6e4",
    market: "#f6ecdb",
  };
  const NAMES_FROM = [13, 13, 14, 15, 15, 16, 17];

  xuncha.streetWidth = function (rank, zoom) {
    return WIDTHS[rank](zoom);
  };

  function stroke(context, lines) {
    context.beginPath();
    for (const line of lines) {
      context.moveTo(line[0].x, line[0].y);
      for (let i = 1; i < line.length; i++) context.lineTo(line[i].x, line[i].y);
    }
    context.stroke();
  }
  xuncha.strokeLines = stroke;

  function streetRule(rank, colour, width, from) {
    return {
      rank,
      dataSource: "blocks",
      dataLayer: "blocks",
      minzoom: Math.max(from, FIRST_ZOOM[rank]),
      filter: (zoom, feature) => feature.props.c === rank,
      symbolizer: {
        before(context, zoom) {
          context.strokeStyle = colour(zoom);
          context.lineWidth = width(zoom);
          context.lineCap = "round";
          context.lineJoin = "round";
          context.globalAlpha = 1;
          context.setLineDash(rank === 6 ? [3, 2.5] : []);
        },
        draw(context, lines) {
          stroke(context, lines);
        },
      },
    };
  }

  function streetRules() {
    const rules = [];
    for (let rank = 5; rank >= 0; rank--) {
      rules.push(streetRule(rank, () => CASING, (zoom) => WIDTHS[rank](zoom) + 1.6, CASED_FROM[rank]));
    }
    for (let rank = 6; rank >= 0; rank--) {
      const colour = (zoom) => (zoom >= CASED_FROM[rank] ? FILL[rank] : THIN[rank]);
      rules.push(streetRule(rank, colour, WIDTHS[rank], 0));
    }
    return rules;
  }

  function groundRules() {
    return Object.entries(GROUNDS).map(([kind, fill]) => ({
      dataSource: "grounds",
      dataLayer: "grounds",
      filter: (zoom, feature) => feature.props.kind === kind,
      symbolizer: new protomapsL.PolygonSymbolizer({ fill }),
    }));
  }

  function nameRules() {
    return NAMES_FROM.map((from, rank) => ({
      dataSource: "names",
      dataLayer: "names",
      minzoom: from,
      filter: (zoom, feature) => feature.props.c === rank,
      symbolizer: new protomapsL.LineLabelSymbolizer({
        font: (zoom) => `500 ${zoom >= 17 && rank < 5 ? 13 : 12}px ${FONT}`,
        fill: rank < 2 ? "#4a5260" : "#6a7280",
        stroke: "#fbfaf7",
        width: 3,
        position: protomapsL.LineLabelPlacement.Center,
        repeatDistance: 320,
      }),
    }));
  }

  // An archive that the page carries inside itself, for maps opened from disk
  function archive(source) {
    if (!source.key) return new URL(source.url, window.location.href).href;
    const text = atob(window.xunchaData[source.key]);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new pmtiles.PMTiles({
      getKey: () => source.key,
      getBytes: async (offset, length) => ({ data: bytes.slice(offset, offset + length).buffer }),
    });
  }

  xuncha.streets = function (map, options) {
    if (options.tileUrl) {
      L.tileLayer(options.tileUrl, { attribution: xuncha.escaped(options.tileAttribution), maxZoom: 19 }).addTo(map);
    }
    if (!options.blocks) return;
    if (options.pending) waitFor(map, options);
    else add(map, options);
  };

  // Other layers draw into this one: they listen for "streets"
  function add(map, options) {
    const sources = {};
    for (const name of ["blocks", "names", "grounds"]) {
      if (options[name]) sources[name] = { url: archive(options[name]), maxDataZoom: options.maxDataZoom };
    }
    const layer = protomapsL.leafletLayer({
      sources,
      attribution: xuncha.escaped(options.attribution) || " ",
      paintRules: options.tileUrl ? [] : [...groundRules(), ...streetRules()],
      labelRules: options.tileUrl ? [] : nameRules(),
      maxZoom: 19,
    });
    layer.baseRules = layer.paintRules;
    layer.addTo(map);
    map.streets = layer;
    map.fire("streets");
  }

  xuncha.withStreets = function (map, work) {
    if (map.streets) work();
    map.on("streets", work);
  };

  // A new city's tiles take a while; everything else of the page is there already
  async function waitFor(map, options) {
    const note = xuncha.element("p", { class: "streets-note" }, xuncha.text("Drawing the streets for the first time …"));
    map.getContainer().append(note);
    while (!(await xuncha.load({ url: options.pending })).ready) {
      await new Promise((resolve) => window.setTimeout(resolve, 1500));
    }
    note.remove();
    add(map, options);
  }
})();
