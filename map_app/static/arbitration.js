"use strict";
// Arbitration by key or by a click on the map: both press the button of the list.
(function () {
  const press = (node) => node && node.click();
  const buttons = [...document.querySelectorAll("button[name=block]")];
  const look = (key) => document.dispatchEvent(new CustomEvent("xuncha:looked", { detail: key }));

  document.addEventListener("xuncha:candidate", (event) => press(buttons.find((one) => one.value === event.detail)));

  // The block of a button stands out on the map, and the button of a block in the list
  document.addEventListener("xuncha:looked", (event) => {
    for (const one of buttons) one.classList.toggle("looked", Boolean(event.detail) && one.value === event.detail);
  });
  for (const one of buttons.filter((button) => button.value)) {
    for (const name of ["mouseenter", "focus"]) one.addEventListener(name, () => look(one.value));
    for (const name of ["mouseleave", "blur"]) one.addEventListener(name, () => look(null));
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, select, textarea")) return;
    const key = event.key.toLowerCase();
    const named = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (named && named.matches("input")) {
      event.preventDefault();
      named.focus();
    } else press(named);
  });
})();
