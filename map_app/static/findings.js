"use strict";
// Findings as clusters: columns of numbers in, one canvas point or one ring per cluster in view out.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const CLUSTER_TO_ZOOM = 17;
  const LISTED = 30;

  xuncha.findings = function (map, options) {
    const group = L.layerGroup().addTo(map);
    let columns = null;
    let index = null;
    let hidden = new Set();

    function build() {
      const nEntries = columns.entries.length;
      const features = [];
      for (let i = 0; i < columns.lon.length; i++) {
        if (hidden.has(columns.entry[i])) continue;
        features.push({ type: "Feature", properties: { i }, geometry: { type: "Point", coordinates: [columns.lon[i], columns.lat[i]] } });
      }
      index = new Supercluster({
        radius: 80,
        maxZoom: CLUSTER_TO_ZOOM,
        minPoints: 3,
        map: (properties) => {
          const counts = new Array(nEntries).fill(0);
          counts[columns.entry[properties.i]] = 1;
          return { counts };
        },
        reduce: (sum, other) => {
          // supercluster hands the first cluster's own object over: copy before adding
          const counts = sum.counts.slice();
          for (let k = 0; k < nEntries; k++) counts[k] += other.counts[k];
          sum.counts = counts;
        },
      }).load(features);
      render();
    }

    function render() {
      if (!index) return;
      group.clearLayers();
      const box = map.getBounds().pad(0.15);
      const inView = index.getClusters([box.getWest(), box.getSouth(), box.getEast(), box.getNorth()], map.getZoom());
      for (const feature of inView) {
        const [lon, lat] = feature.geometry.coordinates;
        group.addLayer(feature.properties.cluster ? ring([lat, lon], feature) : point([lat, lon], feature.properties.i));
      }
    }

    function ring(place, feature) {
      const { point_count: n, counts, cluster_id: id } = feature.properties;
      const size = n < 10 ? 34 : n < 100 ? 40 : n < 1000 ? 48 : 58;
      const icon = L.divIcon({ html: donut(counts, columns.entries, n, size), className: "cluster", iconSize: [size, size] });
      const marker = L.marker(place, { icon, keyboard: true, alt: String(n), title: xuncha.number(n) });
      marker.on("click keypress", () => open(id, place));
      return marker;
    }

    function open(id, place) {
      const zoom = index.getClusterExpansionZoom(id);
      if (zoom <= Math.min(CLUSTER_TO_ZOOM, map.getMaxZoom())) map.setView(place, zoom);
      else list(index.getLeaves(id, LISTED), index.getChildren(id).length, place);
    }

    function point(place, i) {
      const marker = L.circleMarker(place, {
        radius: 6.5, weight: 1.5, color: "#ffffff", fillColor: columns.entries[columns.entry[i]].colour, fillOpacity: 0.95,
      });
      marker.on("click", () => xuncha.popup(map, place, card(i)));
      return marker;
    }

    function list(leaves, n, place) {
      const box = xuncha.element("div", { class: "cards" });
      box.append(xuncha.element("p", { class: "cards-head" }, xuncha.text("Findings at this place")));
      for (const leaf of leaves) box.append(card(leaf.properties.i));
      xuncha.popup(map, place, box);
    }

    // The card of one finding; its details are in the page (exported map) or fetched when opened
    function card(i) {
      const box = xuncha.card(columns.entries[columns.entry[i]]);
      if (columns.details) xuncha.fillCard(box, detailsInside(i));
      else xuncha.fetchCard(box, xuncha.at(options.details, columns.number[i]), "Open finding");
      return box;
    }

    function detailsInside(i) {
      const said = (name) => columns.details[name].words[columns.details[name].index[i]];
      return { rows: [[xuncha.text("Date"), columns.when(i)], ...columns.details.order.map((name) => [columns.details[name].label, said(name)])] };
    }

    function unpack(layer) {
      const numbers = new Int32Array(layer.number.length);
      layer.number.reduce((sum, step, i) => (numbers[i] = sum + step), 0);
      return {
        entries: layer.entries,
        entry: layer.entry,
        lon: xuncha.unpack(layer.lon),
        lat: xuncha.unpack(layer.lat),
        number: numbers,
        details: layer.details || null,
        when: (i) => (layer.day ? new Date((layer.day[i] + layer.first_day) * 864e5).toISOString().slice(0, 10) : ""),
      };
    }

    map.on("moveend", render);
    return xuncha.dataLayer(map, options.source, (answer) => {
      columns = unpack(answer.layer);
      hidden = new Set([...hidden].filter((entry) => entry < columns.entries.length));
      build();
      xuncha.panel.entries(columns.entries, hidden, (now) => {
        hidden = now;
        build();
      });
    });
  };

  // A ring whose arcs are the shares of the entries, the count inside
  function donut(counts, entries, n, size) {
    const NS = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(NS, "svg");
    const middle = size / 2;
    const radius = middle - 4;
    const round = 2 * Math.PI * radius;
    const add = (tag, attributes) => {
      const node = document.createElementNS(NS, tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      svg.append(node);
      return node;
    };
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    add("circle", { cx: middle, cy: middle, r: middle - 1, fill: "#ffffff", "fill-opacity": 0.94 });
    let from = 0;
    counts.forEach((count, k) => {
      if (!count) return;
      const length = (count / n) * round;
      add("circle", {
        cx: middle, cy: middle, r: radius, fill: "none", stroke: entries[k].colour, "stroke-width": 5,
        "stroke-dasharray": `${length} ${round - length}`, "stroke-dashoffset": round / 4 - from,
      });
      from += length;
    });
    const label = n < 10000 ? String(n) : `${(n / 1000).toFixed(n < 100000 ? 1 : 0)}k`;
    add("text", { x: middle, y: middle, "text-anchor": "middle", "dominant-baseline": "central", class: "cluster-n" }).textContent = label;
    return svg;
  }
})();
