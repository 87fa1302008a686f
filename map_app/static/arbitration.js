"use strict";
// Arbitration by key or by a click on the map: both press the button of the list.
(function () {
  const press = (node) => node && node.click();
  const buttons = [...document.querySelectorAll("button[name=block]")];

  document.addEventListener("xuncha:candidate", (event) => press(buttons.find((one) => one.value === event.detail)));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const key = event.key.toLowerCase();
    if (key === "n" || key === "p") press(document.querySelector(`a[data-key=${key}]`));
    else if (key === "0") press(buttons.find((one) => one.value === ""));
    else if (/^[1-9]$/.test(key)) press(buttons.filter((one) => one.value)[Number(key) - 1]);
  });
})();
