// The demo's page: shows what the sockets report, and lets a visitor try them.

import { STAGES, manyBytes, runCheck } from "./check.js";
import { Wire, closeWords } from "./wire.js";

const ROWS = 200;
const COMMENTS = 100;
const NAMES = ["Heron", "Otter", "Finch", "Lynx", "Ibis", "Marten", "Plover", "Wren"];

const $ = (id) => document.getElementById(id);
const name = `${NAMES[Math.floor(Math.random() * NAMES.length)]} ${Math.floor(Math.random() * 90) + 10}`;
const echo = new Wire("echo", "/echo", logFrame);
const room = new Wire("room", "/room", logFrame);

// ---- the check ----

async function check() {
  $("again").disabled = true;
  document.documentElement.dataset.check = "running";
  $("verdict").textContent = "Checking…";
  for (const wire of [echo, room]) {
    wire.close(1000, "again");
    await wire.closed();
  }
  $("stages").replaceChildren(...STAGES.map(([key, label]) => {
    const item = element("li", { id: `stage-${key}` });
    item.append(element("span", { textContent: label }), element("output"));
    return item;
  }));
  const results = await runCheck({ echo, room, name, report: logFrame, stage: showStage, seen: showSeen });
  const failed = STAGES.filter(([key]) => !results[key]).length;
  $("verdict").textContent = failed
    ? `${failed} of ${STAGES.length} stages failed`
    : `All ${STAGES.length} stages passed${location.protocol === "https:" ? "" : ", without TLS"}`;
  $("again").disabled = false;
  window.demoCheck = results;
  document.documentElement.dataset.check = failed ? "failed" : "passed";
}

function showStage(key, state, text) {
  const item = $(`stage-${key}`);
  item.className = state;
  if (text !== undefined) item.querySelector("output").textContent = text;
  else if (!item.querySelector("output").textContent) item.querySelector("output").textContent = "not reached";
}

function showSeen(fields) {
  $("seen").replaceChildren(...Object.entries(fields).flatMap(([field, value]) => [
    element("dt", { textContent: field }),
    element("dd", { textContent: value }),
  ]));
}

// ---- the room ----

room.onmessage = (event) => {
  switch (event.msg_type) {
    case "online": $("online").textContent = event.count; break;
    case "like": $("likes").textContent = event.total; break;
    case "comment": addComment(event.text, event.from); break;
    case "joined": addComment(`${event.name} came in`); break;
    case "left": addComment(`${event.name} left`); break;
    case "refused": addComment(`The room refused: ${event.reason}`); break;
  }
};

function addComment(text, from) {
  const item = element("li", { className: from ? "" : "note" });
  if (from) item.append(element("b", { textContent: from }));
  item.append(text);
  const list = $("comments");
  list.append(item);
  while (list.children.length > COMMENTS) list.firstChild.remove();
  list.scrollTop = list.scrollHeight;
}

$("comment-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (room.state !== "open") return addComment("Not connected: see below");
  room.send({ msg_type: "comment", text: $("comment").value });
  $("comment").value = "";
});
$("like").addEventListener("click", () => room.state === "open" && room.send({ msg_type: "like" }));

// ---- sockets and heartbeat ----

const ACTIONS = {
  text: (wire) => wire.send("hello"),
  binary: (wire) => wire.send(manyBytes()),
  long: (wire) => wire.send(manyBytes(300_000)),
  ping: async (wire, panel) => {
    const begun = performance.now();
    const pong = wire.next((data) => data.msg_type === "pong");
    wire.send({ msg_type: "ping" });
    await pong;
    panel.dataset.note = `The room answered its own kind of ping in ${(performance.now() - begun).toFixed(1)} ms. `;
  },
  close: (wire) => wire.close(1000, "closed by hand"),
  connect: async (wire) => {
    await wire.connect();
    if (wire === room) wire.send({ msg_type: "join", name });
  },
};

function wirePanel(panel, wire) {
  const { ping, timeout } = panel.dataset;
  for (let at = Number(ping); at < Number(timeout); at += Number(ping)) {
    const mark = element("span", { className: "mark", title: `Ping at ${at} s` });
    mark.style.left = `${(100 * at) / timeout}%`;
    mark.style.height = "100%";
    panel.querySelector(".bar").append(mark);
  }
  panel.addEventListener("click", async ({ target }) => {
    const action = ACTIONS[target.dataset.do];
    if (!action) return;
    panel.dataset.note = "";
    try { await action(wire, panel); } catch (error) { panel.dataset.note = `${error.message} `; }
    showSocket(panel, wire);
  });
  setInterval(() => showSocket(panel, wire), 250);
}

function showSocket(panel, wire) {
  const timeout = Number(panel.dataset.timeout);
  const ping = Number(panel.dataset.ping);
  const open = wire.state === "open";
  const silence = open ? (performance.now() - wire.lastSent) / 1000 : 0;
  panel.className = open ? `open${silence > timeout ? " proven" : ""}` : wire.ending ? "closed" : "";
  const age = open ? `, for ${Math.floor((performance.now() - wire.openedAt) / 1000)} s` : "";
  const state = wire.ending ? `closed with ${wire.ending.code}` : `${wire.state}${age}`;
  panel.querySelector(".state").textContent = state;
  panel.querySelector(".bar i").style.width = `${Math.min(100, (100 * silence) / timeout)}%`;
  panel.querySelector(".words").textContent = socketWords(wire, silence, ping, timeout, panel.dataset.note ?? "");
  for (const button of panel.querySelectorAll("button")) {
    button.disabled = (button.dataset.do === "connect") === open || wire.state === "connecting";
  }
}

function socketWords(wire, silence, ping, timeout, note) {
  if (wire.ending) return `${note}Ended: ${closeWords(wire.ending)}.`;
  if (wire.state !== "open") return note;
  const quiet = `${Math.floor(silence)} s silent.`;
  if (silence > timeout) {
    return `${note}${quiet} Past ${timeout} s and still open: about ${Math.floor(silence / ping)} pings of the gateway were answered by the browser.`;
  }
  if (silence > ping) return `${note}${quiet} The gateway has asked whether anyone is there.`;
  return `${note}${quiet} The gateway asks after ${ping} s.`;
}

// ---- the log ----

function logFrame({ at, socket, way, kind, size, text }) {
  const row = element("tr", { className: way });
  const time = `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  const arrow = { up: "↑", down: "↓", event: "·" }[way];
  for (const cell of [time, socket, arrow, kind, size || "", text]) {
    row.append(element("td", { textContent: cell }));
  }
  row.lastChild.title = text;
  const body = $("frames");
  body.prepend(row);
  while (body.children.length > ROWS) body.lastChild.remove();
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

$("name").textContent = name;
$("way-gateway").textContent = location.host;
if (location.protocol !== "https:") $("way-tls").textContent = "ws, without TLS";
$("again").addEventListener("click", check);
wirePanel($("socket-room"), room);
wirePanel($("socket-echo"), echo);
check();
