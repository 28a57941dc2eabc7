// An Engine.IO 4 client by hand, for polling in great numbers: one request at a time, each through whichever agent
// it is given, cookies kept as a browser keeps them. Knows nothing of servers or of who balances them.

import { once } from 'node:events';
import https from 'node:https';

import { within } from './ports.mjs';

const REQUEST_LIMIT_MS = 20_000;
const OPEN = '0';
const CLOSE = '1';
const NAMESPACE = '40';

/** The server's answer to a request that it did not like, e.g. `{"code":1,"message":"Session ID unknown"}`. */
export class Rejected extends Error {
  constructor(status, body) {
    super(`${status} ${body}`);
    this.status = status;
  }
}

export class PollingSession {
  /** Every Set-Cookie that came. */
  received = [];
  #routes;
  #host;
  #step = 0;
  #cookie;
  #sid = null;

  /** `routes`: [{ port, agent }], taken in turn, one for each request; `cookie`: whether cookies are kept. */
  constructor(host, routes, { cookie = false } = {}) {
    this.#host = host;
    this.#routes = routes;
    this.#cookie = cookie ? '' : null;
  }

  /** The handshake, the namespace, one event and its acknowledgement; then the goodbye. Gives the acknowledgement. */
  async run(event, ...data) {
    const opened = await this.#poll();
    if (opened[0] !== OPEN) throw new Error(`not an opening packet: ${opened}`);
    this.#sid = JSON.parse(opened.slice(1)).sid;
    await this.#post(NAMESPACE);
    const joined = await this.#poll();
    if (!joined.startsWith(NAMESPACE)) throw new Error(`not the namespace: ${joined}`);
    await this.#post(`421${JSON.stringify([event, ...data])}`);
    const answer = await this.#poll();
    if (!answer.startsWith('431')) throw new Error(`not an acknowledgement: ${answer}`);
    await this.#post(CLOSE);
    return JSON.parse(answer.slice(3));
  }

  #poll() {
    return this.#request('GET');
  }

  async #post(packet) {
    const answer = await this.#request('POST', packet);
    if (answer !== 'ok') throw new Error(`not ok: ${answer}`);
  }

  async #request(method, body) {
    const { port, agent } = this.#routes[this.#step % this.#routes.length];
    this.#step += 1;
    const sid = this.#sid ? `&sid=${this.#sid}` : '';
    const request = https.request({
      method, agent, host: this.#host, port, path: `/socket.io/?EIO=4&transport=polling${sid}`, headers: this.#headers(body),
    });
    request.end(body);
    const [response] = await within(REQUEST_LIMIT_MS, `${method} of a polling session`, once(request, 'response'));
    const text = await whole(response);
    this.#keepCookie(response.headers['set-cookie']);
    if (response.statusCode !== 200) throw new Rejected(response.statusCode, text);
    return text;
  }

  #headers(body) {
    return {
      ...(body !== undefined && { 'Content-Type': 'text/plain;charset=UTF-8', 'Content-Length': Buffer.byteLength(body) }),
      ...(this.#cookie && { Cookie: this.#cookie }),
    };
  }

  #keepCookie(fields = []) {
    this.received.push(...fields);
    if (this.#cookie !== null && fields.length > 0) this.#cookie = fields.map((field) => field.split(';')[0]).join('; ');
  }
}

async function whole(response) {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return text;
}
