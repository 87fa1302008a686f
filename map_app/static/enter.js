"use strict";
// A phone that has scanned its token: the token is taken out of the address, changed for one that only this
// phone knows, and kept where the page for the phone looks for it.
(function () {
  const part = (name) => document.querySelector(`[data-part=${name}]`);
  const texts = JSON.parse(document.getElementById("enter-texts").textContent);
  const scanned = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (scanned) sessionStorage.setItem("scanned", scanned); // until it is used: the language may be changed first

  function refuse(message) {
    part("problem").textContent = message;
    part("problem").hidden = false;
    part("enter").disabled = false;
  }

  async function enter(event) {
    event.preventDefault();
    const token = sessionStorage.getItem("scanned");
    if (!token) return refuse(texts.none);
    part("enter").disabled = true;
    const form = new FormData(part("form"));
    form.set("token", token);
    let answer;
    try {
      answer = await fetch(location.pathname, { method: "POST", body: new URLSearchParams(form) });
    } catch {
      return refuse(texts.failed);
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) return refuse(told.message || texts.failed);
    sessionStorage.removeItem("scanned");
    await window.xuncha.kept.setFact(`token-${told.account}`, told.token);
    location.replace(told.leads_to);
  }

  part("form").addEventListener("submit", enter);
  if (!sessionStorage.getItem("scanned")) refuse(texts.none);
})();
