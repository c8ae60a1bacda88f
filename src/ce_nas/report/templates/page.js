"use strict";
const tip = document.getElementById("tip");
const say = (event) => {
  const at = event.target.closest?.("[data-hint]");
  tip.hidden = !at;
  if (!at) return;
  tip.textContent = at.dataset.hint;
  const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const y = event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18;
  tip.style.left = `${Math.max(x, 8)}px`;
  tip.style.top = `${y}px`;
};
document.addEventListener("pointermove", say);
document.addEventListener("pointerdown", say);
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
const textOf = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("\t")).join("\n");
const copy = async (text) => {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
  area.select();
  document.execCommand("copy");
  area.remove();
};
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  const before = button.dataset.before ??= button.textContent;
  await copy(textOf(button.parentElement.previousElementSibling.querySelector("table")));
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 2000);
});
