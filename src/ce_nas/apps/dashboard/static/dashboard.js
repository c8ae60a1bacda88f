// A page that goes on asks for itself now and then, and takes over the parts that have changed.
const heading = () => document.querySelector("#heading");
const parts = (main) => [...main.children];
const takeOver = (before, after) => {
  const open = [...before.querySelectorAll("details")].map((one) => one.open);
  const chosen = new Set([...before.querySelectorAll("input:checked")].map((one) => one.value));
  [...after.querySelectorAll("details")].forEach((one, at) => { one.open = open[at] ?? false; });
  for (const box of after.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
  const at = before.contains(document.activeElement) && document.activeElement.getAttribute("href");
  before.replaceWith(document.adoptNode(after));
  if (at) after.querySelector(`[href="${CSS.escape(at)}"]`)?.focus({ preventScroll: true });
};
const said = new Map();
const renew = (page) => {
  const [old, fresh] = [document.querySelector("main"), page.querySelector("main")];
  const same = parts(old).map((one) => one.id).join() === parts(fresh).map((one) => one.id).join();
  if (!same) {
    old.replaceChildren(...parts(fresh).map((one) => document.adoptNode(one)));
    said.clear();
    return;
  }
  const pairs = parts(fresh).map((one, at) => [parts(old)[at], one]);
  for (const [before, after] of pairs) {
    const text = after.outerHTML;
    if (said.get(after.id) === text) continue;
    if (before.contains(document.activeElement) && document.activeElement.matches("input, select")) continue;
    said.set(after.id, text);
    takeOver(before, after);
  }
};
const ask = async () => {
  const answer = await fetch(location.href, { cache: "no-cache", headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.text();
};
const watch = async () => {
  let [last, every] = ["", Number(document.body.dataset.every)];
  for (const part of parts(document.querySelector("main"))) said.set(part.id, part.outerHTML);
  while (every) {
    await new Promise((done) => { setTimeout(done, every * 1000 * (0.9 + 0.2 * Math.random())); });
    if (document.hidden) continue;
    try {
      const text = await ask();
      heading().classList.remove("stale");
      if (text === last) continue;
      last = text;
      const page = new DOMParser().parseFromString(text, "text/html");
      every = Number(page.body.dataset.every ?? 0);
      document.title = page.title;
      renew(page);
    } catch {
      heading().classList.add("stale");
    }
  }
};
watch();
