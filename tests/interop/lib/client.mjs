// The client's side of the interop cases: real `ws` sockets, raw sockets and plain requests toward one
// gateway, each counted by path, so that the access log can be held against what was really asked.

import { once } from 'node:events';
import https from 'node:https';

import WebSocket from 'ws';

import { connect } from './raw-socket.mjs';
import { LOOPBACK, within } from './ports.mjs';

const LIMIT_MS = 20_000;

/** What a WeChat mini program on a device sends beside the handshake's own fields. */
export const MINI_PROGRAM = {
  Origin: 'https://servicewechat.com',
  Referer: 'https://servicewechat.com/wx0123456789abcdef/0/page-frame.html',
  'User-Agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
    + 'Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI Language/zh_CN',
};

export class Client {
  /** How often each path (without its query) was asked for. */
  asked = new Map();

  constructor({ port, ca, host }) {
    Object.assign(this, { port, ca, domain: host, host: `${host}:${port}` });
    this.secure = { ca, servername: host };
  }

  /** A raw socket behind its handshake. */
  async raw(path, headers = {}, early) {
    const socket = await connect(this.port, this.secure);
    this.#count(path);
    socket.answer = await socket.upgrade(this.host, path, headers, early);
    return socket;
  }

  /** An open `ws` socket whose messages can be awaited one by one with `message(socket)`. */
  async open(path, { protocols = [], headers = {}, deflate = false } = {}) {
    this.#count(path);
    const socket = new WebSocket(`wss://${this.host}${path}`, protocols, {
      ...this.secure, headers, perMessageDeflate: deflate,
      lookup: (name, options, done) => (options.all
        ? done(null, [{ address: LOOPBACK, family: 4 }]) : done(null, LOOPBACK, 4)),
    });
    socket.inbox = [];
    socket.on('message', (data, binary) => {
      socket.inbox.push(binary ? data : data.toString());
      socket.emit('arrived');
    });
    await within(LIMIT_MS, `a socket at ${path}`, once(socket, 'open'));
    return socket;
  }

  /** One plain request; the answer with its whole body. */
  async request(path, options = {}) {
    const { response, request } = await this.start(path, options);
    const pieces = [];
    for await (const piece of response) pieces.push(piece);
    return {
      status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces),
      reused: request.reusedSocket, socket: request.socket,
    };
  }

  /** One plain request up to the head of its answer. */
  async start(path, { method = 'GET', headers = {}, body, agent = false } = {}) {
    this.#count(path);
    const request = https.request({
      ...this.secure, host: LOOPBACK, port: this.port, path, method, agent, headers: { Host: this.host, ...headers },
    });
    request.end(body);
    const [response] = await within(LIMIT_MS, `an answer to ${method} ${path}`, once(request, 'response'));
    return { request, response };
  }

  #count(path) {
    const [name] = path.split('?');
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
  }
}

/** The next message of a socket made by `open`. */
export async function message(socket) {
  if (socket.inbox.length === 0) await within(LIMIT_MS, 'a message', once(socket, 'arrived'));
  return socket.inbox.shift();
}

/** Closes a socket made by `open` and gives what the other side answered. */
export async function close(socket, code, reason) {
  const closed = once(socket, 'close');
  socket.close(code, reason);
  const [theirs, why] = await within(LIMIT_MS, 'the close', closed);
  return { code: theirs, reason: why.toString() };
}
