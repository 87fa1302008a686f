"use strict";
// How far this phone's clock is from the server's, and the times of what was taken by it put right.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const OFF_MS = 120000; // less is no worse than somebody who taps late
  const FACT = "clock-ahead";
  const LONGEST_NOTE = 4000;
  const SPANS = [["day", 86400000], ["hour", 3600000], ["minute", 60000]];
  let ahead = 0;
  let set = null; // when the clock would have stood at the page's beginning; another, if somebody sets it
  const now = () => Date.now() - performance.now();

  const clock = (xuncha.clock = {
    // What it was when the page was last open has to do until the server is heard
    async begin() {
      if (set === null) ahead = (await xuncha.kept.fact(FACT)) || 0;
    },
    heard(answer) {
      const told = Date.parse(answer.headers.get("Date"));
      if (Number.isNaN(told)) return;
      const before = clock.ahead();
      ahead = Date.now() - told;
      set = now();
      if (before || clock.ahead()) xuncha.kept.setFact(FACT, ahead);
    },
    async measure(api) {
      if (set !== null && Math.abs(now() - set) < OFF_MS) return;
      clock.heard(await fetch(`${api}/health`, { credentials: "omit", cache: "no-store" }));
    },
    // Milliseconds, negative for a clock that is behind; 0 while it is near enough
    ahead: () => (Math.abs(ahead) > OFF_MS ? ahead : 0),
    // How far the latest time in a body lies in the server's future; 0 while it is near enough
    over(body) {
      const times = [body.observed_at, ...(body.fixes || []).map((fix) => fix.at), body.position && body.position.fixed_at];
      const over = Math.max(...times.filter(Boolean).map(Date.parse)) - (Date.now() - ahead);
      return over > OFF_MS ? over : 0;
    },
    // Once, and said in the note: what the phone's clock told is then known to whoever reads it
    correct(item, by, texts, language) {
      const { body } = item;
      const right = (time) => time && new Date(Date.parse(time) - by).toISOString();
      if (body.observed_at) body.observed_at = right(body.observed_at);
      if (body.position) body.position.fixed_at = right(body.position.fixed_at);
      for (const fix of body.fixes || []) fix.at = right(fix.at);
      item.clockAhead = by;
      if (item.kind === "track") return;
      const note = [body.note, said(by > 0 ? texts.wasFast : texts.wasSlow, by, language)].filter(Boolean).join("\n");
      if (note.length <= LONGEST_NOTE) body.note = note;
    },
    told: (texts, language) => clock.ahead() && said(ahead > 0 ? texts.isFast : texts.isSlow, ahead, language),
  });

  function said(text, by, language) {
    const [unit, length] = SPANS.find(([, one]) => Math.abs(by) >= one) || SPANS[2];
    const format = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long", useGrouping: false });
    return text.replace("{span}", format.format(Math.round(Math.abs(by) / length)));
  }
})();
