// A page of something that is still running requests itself at intervals and replaces the parts that have changed.
const heading = () => document.querySelector("#heading");
const parts = (main) => [...main.children];
// Keeps open details and checked boxes.
const keepState = (before, after) => {
  const open = [...before.querySelectorAll("details")].map((details) => details.open);
  const checked = new Set([...before.querySelectorAll("input:checked")].map((box) => box.value));
  [...after.querySelectorAll("details")].forEach((details, index) => { details.open = open[index] ?? false; });
  for (const box of after.querySelectorAll("input[type=checkbox]")) box.checked = checked.has(box.value);
};
// Replaces one part; its state and the focus are kept.
const replacePart = (before, after) => {
  keepState(before, after);
  const focused = before.contains(document.activeElement) && document.activeElement.getAttribute("href");
  before.replaceWith(document.adoptNode(after));
  if (focused) after.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
};
// The HTML of each part as the server sent it, by the part's id.
const received = new Map();
const update = (page) => {
  const [old, fresh] = [document.querySelector("main"), page.querySelector("main")];
  const same = parts(old).map((part) => part.id).join() === parts(fresh).map((part) => part.id).join();
  if (!same) {
    const known = new Map(parts(old).map((part) => [part.id, part]));
    for (const part of parts(fresh)) if (known.has(part.id)) keepState(known.get(part.id), part);
    old.replaceChildren(...parts(fresh).map((part) => document.adoptNode(part)));
    received.clear();
    return;
  }
  const pairs = parts(fresh).map((part, index) => [parts(old)[index], part]);
  for (const [before, after] of pairs) {
    const html = after.outerHTML;
    if (received.get(after.id) === html) continue;
    if (before.contains(document.activeElement) && document.activeElement.matches("input, select")) continue;
    received.set(after.id, html);
    replacePart(before, after);
  }
};
const request = async () => {
  const response = await fetch(location.href, { cache: "no-cache", headers: { accept: "text/html" } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.text();
};
const watch = async () => {
  let [last, refreshS] = ["", Number(document.body.dataset.refreshS)];
  for (const part of parts(document.querySelector("main"))) received.set(part.id, part.outerHTML);
  while (refreshS) {
    await new Promise((done) => { setTimeout(done, refreshS * 1000 * (0.9 + 0.2 * Math.random())); });
    if (document.hidden) continue;
    try {
      const text = await request();
      heading().classList.remove("stale");
      if (text === last) continue;
      last = text;
      const page = new DOMParser().parseFromString(text, "text/html");
      refreshS = Number(page.body.dataset.refreshS ?? 0);
      document.title = page.title;
      update(page);
    } catch {
      heading().classList.add("stale");
    }
  }
};
watch();
