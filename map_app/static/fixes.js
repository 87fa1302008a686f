"use strict";
// Where the phone is, for as long as the page is open.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const SILENT_MS = 20000;
  const HOW = { enableHighAccuracy: true, maximumAge: 2000 };

  // Some phones fall silent once they slept, or while they stand still: they are asked anew
  xuncha.listen = function (located, lost) {
    let asked = null;
    let heard = -Infinity;
    let latest = 0;
    let refused = false;
    const fix = (told) => {
      heard = performance.now();
      if (told.timestamp === latest) return;
      latest = told.timestamp;
      located(told);
    };
    const none = (error) => {
      heard = performance.now();
      refused = error.code === error.PERMISSION_DENIED;
      lost(error);
    };
    const ask = () => {
      if (refused || performance.now() - heard < SILENT_MS || document.visibilityState !== "visible") return;
      if (asked !== null) navigator.geolocation.clearWatch(asked);
      heard = performance.now();
      asked = navigator.geolocation.watchPosition(fix, none, HOW);
    };
    ask();
    window.setInterval(ask, SILENT_MS / 4);
    document.addEventListener("visibilitychange", ask);
  };
})();
