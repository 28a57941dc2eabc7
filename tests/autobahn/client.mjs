// The fuzzing client: plays one case against one server and writes down what came back. It obeys the
// case, not the RFC; of its own it only answers Ping and Close.

import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';

import { BINARY, CLOSE, COMPRESSED, CONTINUATION, PING, PONG, TEXT, frame } from '../interop/lib/frames.mjs';
import { connect } from '../interop/lib/raw-socket.mjs';
import { Codec, agreed } from './deflate.mjs';
import { LIMITED, closing, event, fragmented } from './script.mjs';

const ANSWER_LIMIT_MS = 60_000;
const END_LIMIT_MS = 20_000;

/**
 * Plays `example` against `target` ({ port, host, secure }). The transcript:
 * `events` in order, `negotiated` extensions, and the close: who sent Close `first`, the server's `code` (1005 for
 * none in its frame, null for no frame), and how the stream `ended` ('fin', 'reset', or 'late' for not at all).
 */
export async function play(example, target) {
  const socket = await connect(target.port, target.secure);
  const offer = example.offer ? { 'Sec-WebSocket-Extensions': example.offer } : {};
  const answer = await socket.upgrade(target.host, example.path ?? LIMITED, offer);
  const session = new Session(socket, answer['sec-websocket-extensions']);
  try {
    for (const step of example.steps().flat()) await session[step.do](step);
    if (example.close.by === 'us' && !session.closeSent) {
      const wanted = example.ok.length;
      await session.until(() => session.events.length >= wanted, ANSWER_LIMIT_MS);
      await session.close({ bytes: closing(1000) });
    }
    await session.until(() => false, END_LIMIT_MS);
  } finally {
    session.stop();
  }
  return session.transcript();
}

class Session {
  events = [];
  closeSent = false;
  #socket;
  #negotiated;
  #codec;
  #first = null;
  #code = null;
  #ended = 'late';
  #message = null;
  #over = false;
  #wakes = new Set();

  constructor(socket, negotiated) {
    this.#socket = socket;
    this.#negotiated = negotiated ?? null;
    const parameters = agreed(negotiated);
    this.#codec = parameters && new Codec(parameters);
    this.#read().catch((error) => this.#fail(error));
  }

  transcript() {
    return {
      events: this.events, negotiated: this.#negotiated,
      first: this.#first, code: this.#code, ended: this.#ended,
    };
  }

  stop() {
    this.#over = true;
    this.#socket.destroy();
    this.#codec?.end();
  }

  /** Waits until `condition` holds or the stream ended. */
  async until(condition, limitMs) {
    const deadline = Date.now() + limitMs;
    while (!condition() && !this.#over && Date.now() < deadline) await this.#change(deadline - Date.now());
  }

  // The steps of `script.mjs`. All but `close` do nothing once the server has closed.

  async send({ bytes, chop }) {
    const size = chop || bytes.length;
    for (let at = 0; at < bytes.length && this.#open(); at += size) {
      this.#socket.send(bytes.subarray(at, at + size));
      if (chop) await breathe();
    }
  }

  async pause({ ms, name }) {
    if (!this.#open()) return;
    await Promise.race([sleep(ms), this.until(() => !this.#open(), ms)]);
    if (name && this.#open()) this.events.push(`timeout ${name}`);
  }

  async close({ bytes }) {
    if (!this.#open()) return;
    this.closeSent = true;
    this.#first = 'us';
    this.#socket.send(bytes);
  }

  async roundTrips({ count, isBinary, data, fragment }) {
    const opcode = isBinary ? BINARY : TEXT;
    for (let n = 0; n < count && this.#open(); n += 1) {
      const plain = data(n);
      const packed = this.#codec ? await this.#codec.deflate(plain) : plain;
      const rsv = this.#codec ? COMPRESSED : 0;
      const first = (part, { fin }) => frame(opcode, part, { fin, rsv });
      this.#socket.send(fragmented(first, packed, fragment || packed.length || 1));
      await this.until(() => this.events.length > n || !this.#open(), ANSWER_LIMIT_MS);
    }
  }

  #open() {
    return !this.#over && this.#code === null;
  }

  async #read() {
    while (!this.#over) {
      const got = await this.#socket.next(ANSWER_LIMIT_MS);
      if (got === null) continue;
      if (got.ended) this.#finish(got);
      else await this.#take(got);
      this.#wakes.forEach((wake) => wake());
    }
  }

  #fail(error) {
    this.events.push(`the client failed: ${error.message}`);
    this.#over = true;
    this.#wakes.forEach((wake) => wake());
  }

  #finish({ ended, left }) {
    this.#over = true;
    this.#ended = ended;
    if (left > 0) this.events.push(`half a frame, ${left} bytes`);
  }

  async #take(got) {
    if (this.#code !== null) this.events.push(`a frame after Close, opcode ${got.opcode}`);
    if (got.masked) this.events.push('a masked frame');
    switch (got.opcode) {
      case PING:
        return this.#socket.send(frame(PONG, got.payload));
      case PONG:
        return this.events.push(event('pong', got.payload));
      case CLOSE:
        return this.#closed(got.payload);
      case TEXT: case BINARY: case CONTINUATION:
        return this.#data(got);
      default:
        return this.events.push(`a frame with opcode ${got.opcode}`);
    }
  }

  #closed(payload) {
    this.#code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    if (this.closeSent) return;
    this.closeSent = true;
    this.#first = 'them';
    this.#socket.send(frame(CLOSE, payload.subarray(0, 2)));
  }

  async #data({ opcode, rsv, fin, payload }) {
    if ((opcode === CONTINUATION) !== (this.#message !== null)) this.events.push(`opcode ${opcode} out of place`);
    this.#message ??= { opcode, rsv, parts: [] };
    if (rsv !== 0 && !(this.#codec && rsv === COMPRESSED && opcode !== CONTINUATION)) this.events.push(`rsv ${rsv}`);
    this.#message.parts.push(payload);
    if (!fin) return;
    const { opcode: kind, rsv: packed, parts } = this.#message;
    this.#message = null;
    const bytes = Buffer.concat(parts);
    const deflated = this.#codec !== null && packed === COMPRESSED;
    const data = deflated ? await this.#codec.inflate(bytes) : bytes;
    this.events.push(event(kind === TEXT ? 'text' : 'binary', data, deflated ? 'deflated' : ''));
  }

  #change(limitMs) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#wakes.add(wake);
    });
  }
}
