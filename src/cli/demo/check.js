// The page's own check: walks through the stages of a connection and reports each. What it needs
// of the page is handed in.

import { Wire } from "./wire.js";

/** The stages in order: key, label. The keys are also those of window.demoCheck. */
export const STAGES = [
  ["page", "This page came over HTTPS"],
  ["api", "Plain request on the same domain"],
  ["only", "Plain request to a socket is refused"],
  ["wss", "Handshake over wss"],
  ["echo", "Echo of a text"],
  ["binary", "Echo of 100 KB of bytes"],
  ["first", "Room speaks first"],
  ["joined", "Room joined"],
  ["room", "A comment crossed the room"],
];

/** 100 KB in which no two windows look alike. */
export function manyBytes(length = 100_000) {
  const bytes = new Uint8Array(length);
  for (let at = 0, seed = 7; at < length; at += 1) {
    seed = (seed * 1103515245 + 12345) >>> 0;
    bytes[at] = seed >>> 16;
  }
  return bytes;
}

/**
 * Runs every stage; one that fails leaves the later ones of the same socket failed too.
 * `page`: { echo, room, name, report, stage(key, state, text), seen(fields) }.
 */
export async function runCheck(page) {
  const results = Object.fromEntries(STAGES.map(([key]) => [key, false]));
  const stage = async (key, work) => {
    page.stage(key, "busy", "");
    try {
      const text = await work();
      results[key] = true;
      page.stage(key, "passed", text);
    } catch (error) {
      page.stage(key, "failed", error.message);
      throw error;
    }
  };
  for (const walk of [origin, plain, refused, echo, room]) {
    try { await walk(page, stage); } catch { /* the stage says it */ }
  }
  for (const [key] of STAGES) if (!results[key]) page.stage(key, "failed");
  return results;
}

async function origin(_, stage) {
  await stage("page", () => {
    const secure = location.protocol === "https:" && isSecureContext;
    demand(secure || plainOnPurpose(), `it came over ${location.protocol}`);
    return secure ? location.origin : `${location.origin}, without TLS on purpose`;
  });
}

async function plain(page, stage) {
  await stage("api", async () => {
    const begun = performance.now();
    const answer = await fetch("/api/time", { cache: "no-store" });
    const { time, seen } = await answer.json();
    demand(answer.ok && time, `status ${answer.status}`);
    page.seen(seen);
    return `${answer.status} in ${ms(performance.now() - begun)}`;
  });
}

async function refused(_, stage) {
  await stage("only", async () => {
    // Not /room: without an Origin, which a plain GET does not carry, that is a 403 already.
    const { status } = await fetch("/echo", { cache: "no-store" });
    demand(status === 426, `status ${status}, not 426`);
    return "426 Upgrade Required";
  });
}

async function echo({ echo: wire }, stage) {
  await stage("wss", async () => {
    demand(wire.url.startsWith("wss:") || plainOnPurpose(), wire.url);
    const took = await wire.connect();
    return `101 in ${ms(took)}`;
  });
  await stage("echo", async () => {
    const text = `hello, 你好 ${nonce()}`;
    return roundTrip(wire, text, (data) => data === text);
  });
  await stage("binary", async () => {
    const bytes = manyBytes();
    const same = (data) => data.length === bytes.length && data.every((byte, at) => byte === bytes[at]);
    return roundTrip(wire, bytes, (data) => data instanceof Uint8Array && same(data));
  });
}

async function room(page, stage) {
  const wire = page.room;
  await stage("first", async () => {
    const init = wire.next((data) => data.msg_type === "init");
    const took = await connected(wire, init);
    return `client ${(await init).client_id}, 101 in ${ms(took)}`;
  });
  await stage("joined", async () => {
    const online = wire.next((data) => data.msg_type === "online");
    wire.send({ msg_type: "join", name: page.name });
    return `${(await online).count} online`;
  });
  await stage("room", () => crossRoom(page));
}

/** A second socket comments; the first must hear it. */
async function crossRoom({ room: wire, report }) {
  const guest = new Wire("guest", "/room", report);
  const init = guest.next((data) => data.msg_type === "init");
  await connected(guest, init);
  const { client_id: id } = await init;
  try {
    guest.send({ msg_type: "join", name: "self-check" });
    const text = `a comment from a second socket, ${nonce()}`;
    const begun = performance.now();
    const isIt = (data) => data.msg_type === "comment" && data.client_id === id && data.text === text;
    const both = Promise.all([wire.next(isIt), guest.next(isIt)]);
    guest.send({ msg_type: "comment", text });
    await both;
    return `heard by both in ${ms(performance.now() - begun)}`;
  } finally {
    guest.close(1000, "check done");
  }
}

/** Connects while a first message is already awaited. */
async function connected(wire, first) {
  first.catch(() => {}); // when connecting fails, that error is the one to show
  return wire.connect();
}

async function roundTrip(wire, data, test) {
  const begun = performance.now();
  const back = wire.next(test);
  wire.send(data);
  await back;
  return `back in ${ms(performance.now() - begun)}`;
}

/** `?insecure` lets the page be tried directly against the backends, without a gateway. */
function plainOnPurpose() {
  return new URLSearchParams(location.search).has("insecure");
}

function demand(condition, message) {
  if (!condition) throw new Error(message);
}

function nonce() {
  return Math.random().toString(36).slice(2, 8);
}

function ms(duration) {
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
}
