"use strict";
// Coverage: both sides of every street drawn on a canvas of its own, and a slider through the days or weeks.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const PARTS = 1000;
  const MIDDLE = 2;
  const PLAY_MS = 700;

  // Longitude and latitude as parts of the world's square
  function toSquare(lon, lat) {
    const s = Math.sin((lat * Math.PI) / 180);
    return [lon / 360 + 0.5, 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)];
  }

  // Each block as columns of corners, how far along each is, and the box that it fills
  function blocksOf(packed) {
    const lon = xuncha.unpack(packed.lon);
    const lat = xuncha.unpack(packed.lat);
    let at = 0;
    return packed.n.map((n) => {
      const x = new Float64Array(n);
      const y = new Float64Array(n);
      const along = new Float64Array(n);
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      for (let i = 0; i < n; i++, at++) {
        [x[i], y[i]] = toSquare(lon[at], lat[at]);
        if (i) along[i] = along[i - 1] + Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]);
        box[0] = Math.min(box[0], x[i]);
        box[1] = Math.min(box[1], y[i]);
        box[2] = Math.max(box[2], x[i]);
        box[3] = Math.max(box[3], y[i]);
      }
      return { x, y, along, box, pieces: [] };
    });
  }

  // The corners of a block from one place to another, as pixels, moved aside (left of its direction if > 0)
  function aside(block, from, to, scale, left, top, by) {
    const { x, y, along } = block;
    const whole = along[along.length - 1];
    const low = (from / PARTS) * whole;
    const high = (to / PARTS) * whole;
    const places = [];
    for (let i = 0; i < x.length; i++) {
      if (i && along[i] > low && along[i - 1] < high) {
        const step = along[i] - along[i - 1];
        if (!places.length) places.push(between(i, (low - along[i - 1]) / step));
        places.push(along[i] > high ? between(i, (high - along[i - 1]) / step) : [x[i], y[i]]);
      }
    }
    const pixels = places.map(([u, v]) => [u * scale - left, v * scale - top]);
    return by ? moved(pixels, by) : pixels;

    function between(i, share) {
      const t = Math.min(1, Math.max(0, share));
      return [x[i - 1] + (x[i] - x[i - 1]) * t, y[i - 1] + (y[i] - y[i - 1]) * t];
    }
  }

  function moved(pixels, by) {
    const last = pixels.length - 1;
    return pixels.map(([u, v], i) => {
      const [a, b] = [pixels[Math.max(0, i - 1)], pixels[Math.min(last, i + 1)]];
      const size = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
      return [u + ((b[1] - a[1]) / size) * by, v - ((b[0] - a[0]) / size) * by];
    });
  }

  const Sides = L.GridLayer.extend({
    createTile(coords) {
      const size = this.getTileSize();
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const tile = L.DomUtil.create("canvas", "leaflet-tile");
      tile.width = size.x * ratio;
      tile.height = size.y * ratio;
      const context = tile.getContext("2d");
      context.scale(ratio, ratio);
      context.lineJoin = "round";
      if (this.state.layer) this.paint(context, coords, size.x);
      return tile;
    },

    paint(context, coords, size) {
      const { layer, blocks, hidden } = this.state;
      const scale = size * 2 ** coords.z;
      const [left, top] = [coords.x * size, coords.y * size];
      const width = Math.max(1.3, Math.min(5, (coords.z - 11) * 0.75));
      const by = width * 0.85 + Math.max(0, (coords.z - 15) * 0.9);
      const margin = (width + by + 2) / scale;
      const box = [left / scale - margin, top / scale - margin, (left + size) / scale + margin, (top + size) / scale + margin];
      const near = blocks.filter(
        (block) => block.shown && block.box[0] < box[2] && block.box[2] > box[0] && block.box[1] < box[3] && block.box[3] > box[1],
      );
      context.clearRect(0, 0, size, size);
      // the weakest first: what was seen lies over what was not
      for (let k = layer.classes.length - 1; k >= 0; k--) {
        if (hidden.has(k)) continue;
        const { colour, dash } = layer.classes[k];
        context.strokeStyle = colour;
        context.setLineDash(dash || []);
        context.lineCap = dash ? "butt" : "round";
        context.lineWidth = k === layer.rest ? Math.min(width, 1.4) : width;
        context.beginPath();
        for (const block of near) {
          if (k === layer.rest) {
            add(block, 0, PARTS, by);
            add(block, 0, PARTS, -by);
          } else for (const [side, from, to, which] of block.pieces) if (which === k) add(block, from, to, side === MIDDLE ? 0 : side ? -by : by);
        }
        context.stroke();
      }

      function add(block, from, to, way) {
        const line = aside(block, from, to, scale, left, top, way);
        line.forEach(([u, v], i) => (i ? context.lineTo(u, v) : context.moveTo(u, v)));
      }
    },
  });

  xuncha.coverage = function (map, options) {
    const state = { layer: null, blocks: [], hidden: new Set() };
    const sides = new Sides({ pane: "overlayPane", updateWhenZooming: false, maxZoom: 19 });
    sides.state = state;
    const slider = sliderOf(map, (at) => step(at));
    let lines = null;
    let whole = null;
    let known = new Map();
    let asked = 0;

    function draw(answer) {
      const { layer } = answer;
      state.layer = layer;
      const shown = layer.blocks ? new Set(running(layer.blocks)) : null;
      state.blocks.forEach((block, n) => {
        block.pieces = [];
        block.shown = !shown || shown.has(n);
      });
      const { block, side, from, to, class: which } = layer.stretches;
      running(block).forEach((n, i) => state.blocks[n].pieces.push([side[i], from[i], to[i], which[i]]));
      if (map.hasLayer(sides)) sides.redraw();
      else sides.addTo(map);
      xuncha.panel.entries(layer.classes, state.hidden, (now) => {
        state.hidden = now;
        sides.redraw();
      });
    }

    function running(steps) {
      let sum = 0;
      return steps.map((by) => (sum += by));
    }

    // One day or week: inside an exported page, else asked for; what was shown once is kept
    async function step(at) {
      const mine = ++asked;
      if (at === null) return draw(whole);
      if (!known.has(at)) {
        const frame = whole.layer.frames && whole.layer.frames[at];
        const query = new URLSearchParams(xuncha.panel.query());
        query.set("at", at);
        try {
          known.set(at, frame ? { layer: frame } : await xuncha.load(options.source, query.toString()));
        } catch (error) {
          return xuncha.panel.complain(error);
        }
      }
      if (mine === asked) draw(known.get(at));
    }

    map.on("click", (event) => {
      const n = state.layer ? nearest(event.latlng) : -1;
      if (n < 0 || !options.details) return;
      const box = xuncha.element("article", { class: "card" });
      xuncha.popup(map, event.latlng, box);
      xuncha.fetchCard(box, xuncha.at(options.details, n), "List its findings", xuncha.panel.query());
    });

    function nearest(place) {
      const [u, v] = toSquare(place.lng, place.lat);
      const scale = 256 * 2 ** map.getZoom();
      let best = 14 / scale;
      let found = -1;
      state.blocks.forEach((block, n) => {
        const { box, x, y } = block;
        if (!block.shown || u < box[0] - best || u > box[2] + best || v < box[1] - best || v > box[3] + best) return;
        for (let i = 1; i < x.length; i++) {
          const [dx, dy] = [x[i] - x[i - 1], y[i] - y[i - 1]];
          const t = Math.min(1, Math.max(0, ((u - x[i - 1]) * dx + (v - y[i - 1]) * dy) / (dx * dx + dy * dy || 1)));
          const away = Math.hypot(u - x[i - 1] - dx * t, v - y[i - 1] - dy * t);
          if (away < best) [best, found] = [away, n];
        }
      });
      return found;
    }

    return xuncha.dataLayer(map, options.source, async (answer) => {
      whole = answer;
      known = new Map();
      asked += 1;
      if (!lines) {
        lines = await xuncha.load(options.lines);
        state.blocks = blocksOf(lines);
      }
      draw(answer);
      slider.offer(answer.layer.steps || []);
      xuncha.panel.list(
        (answer.layer.areas || []).map((area) => ({
          text: area.text, note: area.note, n: area.n, open: () => map.fitBounds(area.bounds, { animate: false }),
        })),
      );
    });
  };

  // Under the map: a slider with a step per day or week, the last place being the whole period
  function sliderOf(map, changed) {
    const label = xuncha.element("output", {}, "");
    const range = xuncha.element("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": xuncha.text("Day or week") });
    const play = xuncha.element("button", { type: "button", class: "play", "aria-label": xuncha.text("Play") }, "▶");
    const bar = xuncha.element("div", { class: "time-bar", hidden: "" }, play, range, label);
    const control = L.control({ position: "bottomleft" });
    control.onAdd = () => {
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.disableScrollPropagation(bar);
      return bar;
    };
    control.addTo(map);
    let steps = [];
    let timer = null;

    function show() {
      const at = Number(range.value);
      label.textContent = at < steps.length ? steps[at] : xuncha.text("Whole period");
      range.setAttribute("aria-valuetext", label.textContent);
      changed(at < steps.length ? at : null);
    }

    function stop() {
      window.clearInterval(timer);
      timer = null;
      play.textContent = "▶";
    }

    range.addEventListener("input", () => {
      stop();
      show();
    });
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (Number(range.value) >= steps.length) range.value = -1;
      play.textContent = "❚❚";
      timer = window.setInterval(() => {
        range.value = Number(range.value) + 1;
        show();
        if (Number(range.value) >= steps.length) stop();
      }, PLAY_MS);
    });
    return {
      offer(given) {
        stop();
        steps = given;
        bar.hidden = steps.length < 2;
        range.max = steps.length;
        range.value = steps.length;
        label.textContent = xuncha.text("Whole period");
      },
    };
  }
})();
