// A WebSocket client without manners: a TCP or TLS connection, the opening handshake, then bytes out
// and frames in, in order, with how the stream ended. It answers nothing by itself.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

import { FrameReader } from './frames.mjs';
import { LOOPBACK, within } from './ports.mjs';

const CONNECT_LIMIT_MS = 20_000;
const ACCEPT_SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The handshake was answered with something else than a valid 101. */
export class Refused extends Error {
  constructor(status, headers, why = `status ${status}`) {
    super(`handshake refused: ${why}`);
    this.status = status;
    this.headers = headers;
  }
}

/** The answer that RFC 6455 section 4.2.2 wants for a key. */
export function acceptFor(key) {
  return createHash('sha1').update(key + ACCEPT_SALT).digest('base64');
}

/** Connects to a loopback port; `secure` is null for plain TCP, else the options of `tls.connect`. */
export async function connect(port, secure) {
  const socket = secure ? tls.connect({ port, host: LOOPBACK, ...secure }) : net.connect(port, LOOPBACK);
  socket.setNoDelay(true);
  await within(CONNECT_LIMIT_MS, 'a connection', once(socket, secure ? 'secureConnect' : 'connect'));
  return new RawSocket(socket);
}

export class RawSocket {
  #reader = new FrameReader();
  #head = Buffer.alloc(0);
  #upgraded = false;
  #ending = null;
  #wake = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#end('fin'));
    socket.on('error', () => this.#end('reset'));
    socket.on('close', () => this.#end('reset'));
  }

  /**
   * The opening handshake; `headers` come behind the required ones, `early` are bytes sent in the same write.
   * Returns the answer's header fields, lower-cased.
   */
  async upgrade(host, path, headers = {}, early = Buffer.alloc(0)) {
    const key = randomBytes(16).toString('base64');
    const fields = {
      Host: host, Connection: 'Upgrade', Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(Buffer.concat([Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), early]));
    const { status, headers: answer } = await this.#answer();
    if (status !== 101) throw this.#refuse(status, answer);
    if (answer['sec-websocket-accept'] !== acceptFor(key)) throw this.#refuse(status, answer, 'wrong accept');
    return answer;
  }

  send(bytes) {
    return this.socket.write(bytes);
  }

  /** The next frame, or `{ ended: 'fin' | 'reset' }`, or null when nothing came in time. */
  async next(limitMs = 5000) {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const frame = this.#upgraded ? this.#reader.next() : null;
      if (frame) return frame;
      if (this.#ending) return { ended: this.#ending, left: this.#reader.left };
      const waited = await this.#something(deadline - Date.now());
      if (!waited) return null;
    }
  }

  destroy() {
    this.socket.destroy();
  }

  async #answer() {
    const deadline = Date.now() + CONNECT_LIMIT_MS;
    for (;;) {
      const end = this.#head.indexOf('\r\n\r\n');
      if (end >= 0) return this.#parseAnswer(end);
      if (this.#ending) throw new Refused(0, {}, `${this.#ending} instead of an answer`);
      if (!await this.#something(deadline - Date.now())) throw this.#refuse(0, {}, 'no answer');
    }
  }

  #parseAnswer(end) {
    const [first, ...lines] = this.#head.subarray(0, end).toString('latin1').split('\r\n');
    const fields = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim()]);
    this.#reader.push(this.#head.subarray(end + 4));
    this.#upgraded = true;
    return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(fields) };
  }

  #refuse(...args) {
    this.socket.destroy();
    return new Refused(...args);
  }

  #receive(chunk) {
    if (this.#upgraded) this.#reader.push(chunk);
    else this.#head = Buffer.concat([this.#head, chunk]);
    this.#wake();
  }

  #end(how) {
    this.#ending ??= how;
    this.#wake();
  }

  #something(limitMs) {
    if (limitMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
