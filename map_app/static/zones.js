"use strict";
// Zones around schools: grounds, zones, the findings inside, and a list to walk through.
(function () {
  const ZONES_FROM = 14;
  const xuncha = (window.xuncha = window.xuncha || {});

  // answer.layer: {schools: [{name, kind, from, lon, lat, zone, ground, n}], findings: columns as findings.js}
  xuncha.zones = function (map, options) {
    const group = L.layerGroup().addTo(map);
    let layer = null;
    let places = null;
    let hidden = new Set();

    function ring(packed) {
      const lon = xuncha.unpack(packed[0]);
      const lat = xuncha.unpack(packed[1]);
      return Array.from(lon, (value, i) => [lat[i], value]);
    }

    function rings(polygons) {
      return polygons.map((polygon) => polygon.map(ring));
    }

    // From afar a circle per school, its area by the findings inside; near by the zones themselves
    function draw() {
      group.clearLayers();
      if (map.getZoom() < ZONES_FROM) drawAfar();
      else drawNear();
    }

    function drawAfar() {
      const most = Math.max(1, ...layer.schools.map((school) => school.n));
      for (const school of [...layer.schools].reverse()) {
        const circle = L.circleMarker([school.lat, school.lon], {
          radius: school.n ? 3.5 + 14 * Math.sqrt(school.n / most) : 3, weight: 1.2, color: "#ffffff",
          fillColor: school.n ? layer.colours.zone : layer.colours.ground, fillOpacity: school.n ? 0.62 : 0.8,
        });
        circle.on("click", () => show(school));
        group.addLayer(circle);
      }
    }

    function drawNear() {
      const box = map.getBounds().pad(0.2);
      const near = (lat, lon) => box.contains([lat, lon]);
      layer.schools.filter((school) => near(school.lat, school.lon)).forEach((school) => {
        const zone = L.polygon(rings(school.zone), {
          smoothFactor: 0.2,
          color: layer.colours.zone, weight: 1.4, fillColor: layer.colours.zone,
          fillOpacity: school.n ? 0.14 : 0.05, dashArray: school.from === "point" ? "5 4" : null,
        });
        zone.on("click", () => open(school));
        group.addLayer(zone);
        if (school.ground) {
          group.addLayer(L.polygon(rings(school.ground), {
            color: layer.colours.ground, weight: 1.2, fillColor: layer.colours.ground, fillOpacity: 0.3, interactive: false,
          }));
        } else {
          group.addLayer(L.circleMarker([school.lat, school.lon], {
            radius: 4, weight: 2, color: layer.colours.ground, fillColor: "#ffffff", fillOpacity: 1, interactive: false,
          }));
        }
      });
      const { entries, entry, number } = layer.findings;
      const { lon, lat } = places;
      entry.forEach((k, i) => {
        if (hidden.has(k) || !near(lat[i], lon[i])) return;
        const marker = L.circleMarker([lat[i], lon[i]], {
          radius: 5, weight: 1.2, color: "#ffffff", fillColor: entries[k].colour, fillOpacity: 0.95,
        });
        marker.on("click", () => openFinding(marker.getLatLng(), entries[k], number ? number[i] : null));
        group.addLayer(marker);
      });
    }

    function open(school) {
      const box = xuncha.element("article", { class: "card" }, xuncha.element("h3", {}, school.name));
      xuncha.fillCard(box, school, "List its findings");
      xuncha.popup(map, [school.lat, school.lon], box);
    }

    function openFinding(place, entry, number) {
      const box = xuncha.card(entry);
      if (number !== null && options.details) xuncha.fetchCard(box, xuncha.at(options.details, number), "Open finding");
      xuncha.popup(map, place, box);
    }

    function show(school) {
      map.fitBounds(L.latLngBounds(ring(school.zone[0][0])), { maxZoom: 17, animate: false });
      open(school);
    }

    function list() {
      xuncha.panel.list(
        layer.schools.map((school) => ({
          text: school.name,
          note: school.from_text,
          n: school.n,
          open: () => show(school),
        })),
      );
    }

    map.on("moveend", () => layer && draw());
    return xuncha.dataLayer(map, options.source, (answer) => {
      layer = answer.layer;
      places = { lon: xuncha.unpack(layer.findings.lon), lat: xuncha.unpack(layer.findings.lat) };
      draw();
      list();
      xuncha.panel.entries(layer.findings.entries, hidden, (now) => {
        hidden = now;
        draw();
      });
    });
  };
})();
