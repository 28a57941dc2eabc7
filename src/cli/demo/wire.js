// One WebSocket of the demo's page: connects, sends, waits for a message, and reports everything
// that passes. Knows nothing of the page.

/** Where sockets go: the same host as the page; plain only where the page itself came plain. */
export function socketUrl(path) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}${path}`;
}

export class Wire {
  #socket = null;
  #waiting = new Set();

  /** `report` is called with every record: open, message up or down, close. */
  constructor(name, path, report) {
    this.name = name;
    this.url = socketUrl(path);
    this.report = report;
    this.lastSent = 0;
    this.openedAt = 0;
    this.ending = null;
  }

  /** "new", "connecting", "open", "closing" or "closed". */
  get state() {
    return this.#socket ? ["connecting", "open", "closing", "closed"][this.#socket.readyState] : "new";
  }

  /** Opens the socket; resolves with the milliseconds that the handshake took. */
  connect() {
    const begun = performance.now();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.ending = null;
    return new Promise((resolve, reject) => {
      socket.onopen = () => {
        const took = performance.now() - begun;
        this.openedAt = this.lastSent = performance.now();
        this.#record("event", "open", 0, this.url);
        resolve(took);
      };
      socket.onmessage = ({ data }) => this.#take(data);
      socket.onclose = (close) => {
        if (socket !== this.#socket) return;
        this.#end(close);
        reject(new Error(`not connected: ${closeWords(close)}`));
      };
    });
  }

  /** Sends text, bytes, or an object as JSON. */
  send(data) {
    const raw = typeof data === "string" || data instanceof Uint8Array ? data : JSON.stringify(data);
    this.#socket.send(raw);
    this.lastSent = performance.now();
    this.#record("up", ...describe(raw));
  }

  /** The first message from now on for which `test(data)` is true; text that is JSON comes parsed. */
  next(test, within = 8000) {
    return new Promise((resolve, reject) => {
      const one = { test, resolve, reject };
      const timer = setTimeout(() => one.reject(new Error(`nothing within ${within / 1000} s`)), within);
      one.resolve = (data) => { clearTimeout(timer); this.#waiting.delete(one); resolve(data); };
      one.reject = (error) => { clearTimeout(timer); this.#waiting.delete(one); reject(error); };
      this.#waiting.add(one);
    });
  }

  close(code = 1000, reason = "") {
    this.#socket?.close(code, reason);
  }

  /** Resolves when the socket is closed, at once when it is not open. */
  async closed() {
    if (this.state === "new" || this.state === "closed") return;
    await new Promise((resolve) => this.#socket.addEventListener("close", resolve, { once: true }));
  }

  #take(raw) {
    const bytes = raw instanceof ArrayBuffer ? new Uint8Array(raw) : raw;
    this.#record("down", ...describe(bytes));
    const data = parsed(bytes);
    for (const one of [...this.#waiting]) if (one.test(data)) one.resolve(data);
    this.onmessage?.(data);
  }

  #end(close) {
    this.ending = { code: close.code, reason: close.reason, clean: close.wasClean, words: closeWords(close) };
    this.#record("event", "close", 0, `${close.code}${close.reason ? ` “${close.reason}”` : ""}: ${this.ending.words}`);
    for (const one of [...this.#waiting]) one.reject(new Error(`closed: ${this.ending.words}`));
  }

  #record(way, kind, size, text) {
    this.report({ at: new Date(), socket: this.name, way, kind, size, text });
  }
}

/** Kind, size in bytes and the beginning of a message. */
function describe(data) {
  if (typeof data === "string") {
    return ["text", new TextEncoder().encode(data).length, data.slice(0, 300)];
  }
  const start = [...data.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return ["binary", data.length, data.length > 16 ? `${start} …` : start];
}

function parsed(data) {
  if (typeof data !== "string" || !data.startsWith("{")) return data;
  try { return JSON.parse(data); } catch { return data; }
}

/** What a close means, in words (RFC 6455 section 7.4.1). */
export function closeWords({ code, reason }) {
  const words = {
    1000: "finished as intended",
    1001: "the other side is going away",
    1002: "a protocol rule was broken",
    1003: "this kind of data is not taken",
    1005: "closed without a code",
    1006: "the connection was lost without a Close frame",
    1007: "text that is not UTF-8",
    1008: "against a rule of the server",
    1009: "a message longer than the limit",
    1011: "the server failed",
    1012: "the service restarts",
    1013: "try again later",
    1014: "the gateway got a bad answer",
  }[code] ?? "a code of the application";
  return reason ? `${words} (“${reason}”)` : words;
}
