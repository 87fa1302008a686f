// Looks again while something waits or runs, and puts the new list in place of the old one
"use strict";
(() => {
  const EVERY_MS = 2000;
  const look = async () => {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("jobs");
    const shown = document.getElementById("jobs");
    // a click on a button must not be lost under the finger
    if (fresh && !shown.contains(document.activeElement)) shown.replaceWith(fresh);
  };
  const again = () => {
    if (document.getElementById("jobs").dataset.busy !== "true") return;
    look().catch(() => {}).finally(() => setTimeout(again, EVERY_MS));
  };
  setTimeout(again, EVERY_MS);
})();
