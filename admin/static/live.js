// <… data-live="/path">: what moves comes from there as server-sent events, and goes to the element whose id it names.
"use strict";

for (const root of document.querySelectorAll("[data-live]")) {
  let source = null;
  let held = false;

  const place = (event, put) => {
    const end = event.data.indexOf("\n");
    const element = document.getElementById(event.data.slice(0, end));
    // Nobody loses the button that they are about to press.
    if (!element || held || element.contains(document.activeElement)) return;
    put(element, event.data.slice(end + 1));
  };

  const start = () => {
    if (source) return;
    source = new EventSource(root.dataset.live);
    source.addEventListener("open", () => root.classList.add("on"));
    source.addEventListener("error", () => root.classList.remove("on"));
    source.addEventListener("part", (event) => place(event, (element, html) => { element.innerHTML = html; }));
    source.addEventListener("rows", (event) => place(event, (element, html) => {
      element.insertAdjacentHTML("afterbegin", html);
      while (element.children.length > 100) element.lastElementChild.remove();
    }));
  };

  const stop = () => {
    source?.close();
    source = null;
    root.classList.remove("on");
  };

  // Nobody looks: nothing is sent.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  start();

  // <button data-hold> lets a list stand still.
  root.querySelector("[data-hold]")?.addEventListener("click", (event) => {
    held = !held;
    event.target.setAttribute("aria-pressed", held);
    root.classList.toggle("held", held);
  });
}
