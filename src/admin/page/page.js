// The status page's script: fetches the page again every few seconds and puts what changed in its
// place, searches while you type, and closes a socket after it has asked. Everything on the page is
// there without it; it knows no figure and writes no markup of its own.

const EVERY_MS = 3000;
const PATIENCE_MS = 10_000;
const TYPING_MS = 200;

const search = document.getElementById("search");
const query = document.getElementById("q");
const order = document.getElementById("sort");
const pause = document.getElementById("pause");
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("ask");

let last = new Date();
let newest = 0;
let timer = 0;
let pointed = null; // the graph under the pointer, and where: 0 is its left side, 1 its right

/** Fetches the page; an answer that a later one has overtaken is dropped. */
async function refresh() {
  clearTimeout(timer);
  const turn = ++newest;
  try {
    const answer = await fetch(address(), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    if (turn !== newest) return;
    show(new DOMParser().parseFromString(text, "text/html"));
    last = new Date();
    complain("");
  } catch (error) {
    if (turn !== newest) return;
    complain(`The gateway does not answer since ${last.toLocaleTimeString()} (${reason(error)}). These are its last figures.`);
  }
  later();
}

function later() {
  clearTimeout(timer);
  if (pause.getAttribute("aria-pressed") !== "true" && !document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

function reason(error) {
  if (error.name === "TimeoutError") return "no answer in time";
  return error instanceof TypeError ? "no connection" : error.message;
}

/** The address of the page with what is searched now and in which order. */
function address() {
  const url = new URL("/", location.href);
  if (query.value.trim()) url.searchParams.set("q", query.value.trim());
  if (order.selectedIndex > 0) url.searchParams.set("sort", order.value);
  return url;
}

/** Puts every part that has changed in its place; one in which text is selected waits. */
function show(fresh) {
  const selected = getSelection();
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (!now || now.innerHTML === part.innerHTML) continue;
    if (!selected.isCollapsed && selected.containsNode(part, true)) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    part.replaceChildren(...document.adoptNode(now).childNodes);
    if (focused) part.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  document.title = fresh.title;
  if (pointed) tell(document.getElementById(pointed.id), pointed.share);
}

/** Lets the legend of a graph tell the values at one place of it; at its right side, those of now. */
function tell(graph, share) {
  if (!graph) return;
  const { room, every } = graph.querySelector("svg").dataset;
  const back = Math.round((1 - share) * (room - 1));
  for (const line of graph.querySelectorAll("[data-values]")) {
    line.querySelector("b").textContent = line.dataset.values.split("|").at(-1 - back) || "–";
  }
  const seconds = Math.round(back * every);
  const ago = [[Math.floor(seconds / 60), "min"], [seconds % 60, "s"]].filter(([count]) => count > 0);
  graph.querySelector(".axis :last-child").textContent = back ? `${ago.flat().join(" ")} ago` : "now";
  const cursor = graph.querySelector(".cursor");
  cursor.hidden = !back;
  cursor.style.left = `${share * 100}%`;
}

function point(event) {
  const plot = event.target.closest?.(".plot");
  const graph = plot?.closest(".graph");
  if (pointed && pointed.id !== graph?.id) tell(document.getElementById(pointed.id), 1);
  pointed = null;
  if (!graph) return;
  const { left, width } = plot.getBoundingClientRect();
  pointed = { id: graph.id, share: Math.min(Math.max((event.clientX - left) / width, 0), 1) };
  tell(graph, pointed.share);
}

function complain(words) {
  if (trouble.textContent !== words) trouble.textContent = words;
  trouble.hidden = !words;
  document.documentElement.classList.toggle("stale", Boolean(words));
}

/** Asks before a socket is closed, and closes it. */
function ask(button) {
  const cells = [...button.closest("tr").cells].slice(0, 3);
  dialog.querySelector("#ask-who").textContent = cells.map((it) => it.innerText).join(" · ");
  dialog.querySelector("#ask-outcome").textContent = "";
  dialog.dataset.id = button.dataset.id;
  dialog.showModal();
}

async function close(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const outcome = dialog.querySelector("#ask-outcome");
  const to = new URL(`/api/connections/${encodeURIComponent(dialog.dataset.id)}`, location.href);
  for (const [name, value] of form) if (value) to.searchParams.set(name, value);
  outcome.textContent = "Closing…";
  try {
    const answer = await fetch(to, { method: "DELETE", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok && answer.status !== 404) throw new Error(await refusal(answer));
    dialog.close();
    await refresh();
  } catch (error) {
    outcome.textContent = `It was not closed: ${reason(error)}`;
  }
}

/** Why an order was refused: the gateway says so in JSON, what stands before it in a form of its own. */
async function refusal(answer) {
  const words = await answer.json().then((it) => it.error, () => answer.statusText);
  return `${words} (${answer.status})`;
}

search.addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    history.replaceState(null, "", address());
    refresh();
  }, TYPING_MS);
});
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) later();
  else refresh();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-id]");
  if (button) ask(button);
});
document.addEventListener("pointermove", point);
document.documentElement.addEventListener("pointerleave", point);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
dialog.querySelector("form").addEventListener("submit", close);
dialog.querySelector("#ask-cancel").addEventListener("click", () => dialog.close());
document.documentElement.classList.add("scripted");
pause.hidden = false;
later();
