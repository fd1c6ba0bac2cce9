// Comfort only: every page works without it.
"use strict";

// <button data-confirm="Really?"> asks before it sends its form.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// <button data-copy="text"> copies.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// <select data-submit> sends its form when it changes.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// <table data-choose>: the box in its head chooses all.
document.addEventListener("change", (event) => {
  if (!event.target.matches("thead input[type=checkbox]")) return;
  for (const box of event.target.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
    box.checked = event.target.checked;
  }
});

// On a phone the navigation and the tabs are rows to scroll: where one is comes to the middle.
for (const here of document.querySelectorAll(".side nav [aria-current], .tabs [aria-current]")) {
  const row = here.parentElement;
  const [at, of] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += at.left - of.left - (of.width - at.width) / 2;
}

// "/" goes to the search field.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
