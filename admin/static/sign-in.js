// Signing in with a Nostr key: NIP-07 in the browser, NIP-98 on the wire.
"use strict";

const form = document.querySelector("form[data-nostr]");
const problem = form.querySelector(".problem");
form.hidden = false;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  try {
    if (!window.nostr) throw new Error("This browser has no Nostr extension (NIP-07).");
    const url = new URL(form.getAttribute("action"), location.href).href;
    const signed = await window.nostr.signEvent({
      kind: 27235,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["u", url], ["method", "POST"]],
      content: "",
    });
    const response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Nostr ${btoa(JSON.stringify(signed))}` },
      body: new URLSearchParams(new FormData(form)),
    });
    const answer = await response.json();
    if (!answer.next) throw new Error(answer.problem);
    location.assign(answer.next);
  } catch (error) {
    problem.textContent = error.message || "The key was not accepted.";
  }
});
