"use strict";
// The panel beside a map: filter, legend, list, and what the map is based on.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const panel = (xuncha.panel = {});
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  let shown = "";

  // The filter as an address, empty fields left out
  panel.query = function () {
    const form = part("filter");
    if (!form) return "";
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) query.append(name, value);
    return query.toString();
  };

  panel.show = function (answer) {
    const status = part("status");
    if (status) {
      status.textContent = answer.headline || "";
      status.className = "status";
    }
    const basis = part("basis");
    if (basis) basis.replaceChildren(xuncha.rows(answer.basis || []));
  };

  panel.extra = function (rows) {
    const extra = part("extra");
    if (extra) extra.replaceChildren(xuncha.rows(rows));
  };

  panel.complain = function (error) {
    const status = part("status");
    if (!status) return;
    status.textContent = error.message;
    status.className = "status error";
  };

  // The legend; each entry is a switch
  panel.entries = function (entries, hidden, changed) {
    const legend = part("legend");
    if (!legend) return;
    legend.replaceChildren(
      ...entries.map((entry, k) => {
        const box = xuncha.element("input", { type: "checkbox", onchange: () => toggle(k, box.checked) });
        box.checked = !hidden.has(k);
        const swatch = xuncha.element("i", { class: `swatch ${entry.swatch || "dot"}` });
        if (entry.dash) {
          swatch.style.backgroundImage = `linear-gradient(90deg, ${entry.colour} 60%, transparent 60%)`;
          swatch.style.backgroundSize = "7px 100%";
        } else swatch.style.backgroundColor = entry.colour;
        const said = typeof entry.n === "number" ? xuncha.number(entry.n) : entry.n;
        const n = said === undefined ? null : xuncha.element("b", {}, said);
        return xuncha.element("label", { class: "entry" }, box, swatch, xuncha.element("span", {}, entry.label || entry.name), n);
      }),
    );

    function toggle(k, visible) {
      if (visible) hidden.delete(k);
      else hidden.add(k);
      changed(hidden);
    }
  };

  // A continuous scale; the colours follow the root of the value, so the middle is a quarter of the top
  panel.ramp = function (colours, top, unit) {
    const legend = part("legend");
    if (!legend) return;
    const ramp = xuncha.element("span", { class: "ramp", style: { background: `linear-gradient(90deg, ${colours.join(", ")})` } });
    const ends = [0, top / 4, top].map((value) => xuncha.element("span", {}, xuncha.number(value, value < 10 ? 2 : 0)));
    legend.replaceChildren(ramp, xuncha.element("div", { class: "ramp-ends" }, ...ends), xuncha.element("small", {}, unit || ""));
  };

  panel.list = function (items) {
    const list = part("list");
    if (!list) return;
    const search = part("search");
    const fill = () => {
      const wanted = search ? search.value.trim().toLowerCase() : "";
      list.replaceChildren(
        ...items
          .filter((item) => item.text.toLowerCase().includes(wanted))
          .slice(0, 400)
          .map((item) =>
            xuncha.element(
              "button",
              { type: "button", class: item.n ? "item" : "item empty", onclick: () => { closeOnPhone(); item.open(); } },
              xuncha.element("span", {}, item.text, xuncha.element("small", {}, item.note || "")),
              xuncha.element("b", {}, xuncha.number(item.n)),
            ),
          ),
      );
    };
    if (search) search.oninput = fill;
    fill();
  };

  function closeOnPhone() {
    const sheet = part("sheet");
    if (sheet && window.matchMedia("(max-width: 760px)").matches) sheet.classList.remove("open");
  }

  // What can be taken home is of what is shown
  function addressFiles() {
    const query = panel.query();
    for (const link of document.querySelectorAll("[data-file]")) link.href = link.dataset.file + (query ? `?${query}` : "");
  }

  function submit() {
    const query = panel.query();
    if (query === shown) return;
    addressFiles();
    shown = query;
    window.history.replaceState(null, "", `${window.location.pathname}${query ? `?${query}` : ""}${window.location.hash}`);
    for (const layer of xuncha.layers) layer.reload(query);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = part("filter");
    if (form) {
      shown = panel.query();
      addressFiles();
      form.addEventListener("change", submit);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        submit();
      });
      form.addEventListener("reset", () => window.setTimeout(submit, 0));
      for (const button of form.querySelectorAll("[data-days]")) button.addEventListener("click", () => period(form, button));
    }
    const sheet = part("sheet");
    const handle = part("handle");
    if (sheet && handle) handle.addEventListener("click", () => sheet.classList.toggle("open"));
  });

  // "Last 30 days" counts back from the last day that has findings, which the page knows
  function period(form, button) {
    const days = Number(button.dataset.days);
    const last = new Date(`${form.dataset.lastDay}T00:00:00Z`);
    form.elements.until.value = days ? form.dataset.lastDay : "";
    form.elements.from.value = days ? new Date(last - (days - 1) * 864e5).toISOString().slice(0, 10) : "";
    submit();
  }
})();
