// The part of a mini program's `wx` that sockets need, over the `ws` client: wx.connectSocket with SocketTask,
// and the older wx.onSocket*, wx.sendSocketMessage, wx.closeSocket. One `Phone` is one device with one mini
// program: at most five sockets, the header fields of its kind, and the errors and close codes that phones
// report. It reaches one gateway under the address that the app would use in real life.

import WebSocket from 'ws';

import { DEVICES } from './devices.mjs';
import { LOOPBACK } from './ports.mjs';

const MAX_SOCKETS = 5;
const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_REASON_BYTES = 123;
let lastTask = 0;

/** A `wx` for one device; `gateway` is what `t.gateway` gives, `device` a name in DEVICES. */
export function phone(gateway, { device = 'android', localAddress } = {}) {
  return new Phone(gateway, device, localAddress);
}

class Phone {
  #gateway;
  #device;
  #localAddress;
  #tasks = new Set();
  #current = null;
  #global = {};

  constructor(gateway, device, localAddress) {
    if (!(device in DEVICES)) throw new Error(`no such device: ${device}`);
    this.#gateway = gateway;
    this.#device = device;
    this.#localAddress = localAddress;
  }

  connectSocket({
    url, header = {}, protocols = [], perMessageDeflate = false, timeout = DEFAULT_TIMEOUT_MS, ...callbacks
  }) {
    lastTask += 1;
    if (this.#tasks.size >= MAX_SOCKETS) {
      return fail(callbacks, `createSocketTask:fail wcwss taskID=${lastTask} exceed max concurrent count`);
    }
    const target = new URL(url);
    const task = new SocketTask(this.#dial(target, header, protocols, perMessageDeflate, timeout), {
      device: this.#device, protocols, ended: () => this.#tasks.delete(task),
    });
    this.#tasks.add(task);
    this.#current = task;
    this.#forward(task);
    succeed(callbacks, { errMsg: 'connectSocket:ok', socketTaskId: lastTask });
    return task;
  }

  onSocketOpen(callback) { this.#global.open = callback; }

  onSocketMessage(callback) { this.#global.message = callback; }

  onSocketError(callback) { this.#global.error = callback; }

  onSocketClose(callback) { this.#global.close = callback; }

  sendSocketMessage(options) {
    if (this.#current) this.#current.send(options);
    else fail(options, 'sendSocketMessage:fail WebSocket is not connected');
  }

  closeSocket(options = {}) {
    if (this.#current) this.#current.close(options);
    else fail(options, 'closeSocket:fail WebSocket is not connected');
  }

  /** The app goes to the background: the host takes its sockets down, and says so. */
  interrupt() {
    this.#tasks.forEach((task) => task.interrupt());
  }

  #forward(task) {
    const tell = (name) => (event) => { if (this.#current === task) this.#global[name]?.(event); };
    task.onOpen(tell('open'));
    task.onMessage(tell('message'));
    task.onError(tell('error'));
    task.onClose(tell('close'));
  }

  #dial({ host, pathname, search }, header, protocols, perMessageDeflate, timeout) {
    const { port, ca } = this.#gateway;
    const own = Object.fromEntries(Object.entries(header).filter(([name]) => name.toLowerCase() !== 'referer'));
    const domain = host.split(':')[0];
    return new WebSocket(`wss://${LOOPBACK}:${port}${pathname}${search}`, protocols, {
      ca, servername: domain, perMessageDeflate, handshakeTimeout: timeout, localAddress: this.#localAddress,
      headers: { ...DEVICES[this.#device](host), ...own, Host: host },
    });
  }
}

class SocketTask {
  CONNECTING = 0;
  OPEN = 1;
  CLOSING = 2;
  CLOSED = 3;
  #socket;
  #callbacks = { open: [], message: [], error: [], close: [] };
  #mine = null;

  constructor(socket, { device, protocols, ended }) {
    this.#socket = socket;
    let header = {};
    socket.on('upgrade', ({ headers }) => {
      header = { ...headers };
      // Chromium, which is the IDE's, fails when a subprotocol is not echoed, as `ws` does; phones seem not to mind.
      if (protocols.length > 0 && device !== 'devtools') headers['sec-websocket-protocol'] ??= protocols[0];
    });
    socket.on('open', () => this.#emit('open', { header }));
    socket.on('message', (data, binary) => this.#emit('message', { data: binary ? arrayBuffer(data) : data.toString() }));
    socket.on('error', (error) => this.#failed(error));
    socket.on('close', (code, reason) => {
      ended();
      if (header.upgrade) this.#emit('close', this.#mine ?? reported(code, reason.toString(), device));
    });
  }

  get readyState() { return this.#socket.readyState; }

  onOpen(callback) { this.#callbacks.open.push(callback); }

  onMessage(callback) { this.#callbacks.message.push(callback); }

  onError(callback) { this.#callbacks.error.push(callback); }

  onClose(callback) { this.#callbacks.close.push(callback); }

  send({ data, ...callbacks }) {
    if (this.readyState !== this.OPEN) return fail(callbacks, 'sendSocketMessage:fail WebSocket is not connected');
    this.#socket.send(typeof data === 'string' ? data : new Uint8Array(data), (error) => (
      error ? fail(callbacks, `sendSocketMessage:fail ${error.message}`)
        : succeed(callbacks, { errMsg: 'sendSocketMessage:ok' })));
    return undefined;
  }

  /** As documented: before `onOpen` it closes nothing. Apps do pass the code as a string. */
  close({ code = 1000, reason = '', ...callbacks } = {}) {
    if (this.readyState !== this.OPEN) return fail(callbacks, 'closeSocket:fail WebSocket is not connected');
    if (Buffer.byteLength(reason) > MAX_REASON_BYTES) return fail(callbacks, 'closeSocket:fail reason too long');
    this.#mine = { code: Number(code), reason: reason || 'normal closure' };
    this.#socket.close(Number(code), reason);
    return succeed(callbacks, { errMsg: 'closeSocket:ok' });
  }

  interrupt() {
    this.#mine = { code: 1000, reason: 'interrupted' };
    if (this.readyState === this.OPEN) this.#socket.close(1000, 'interrupted');
    else this.#socket.terminate();
  }

  #failed(error) {
    if (!this.#mine) this.#emit('error', { errMsg: `exception onOpen fail ${openFailure(error)}` });
  }

  #emit(name, event) {
    this.#callbacks[name].forEach((callback) => callback(event));
  }
}

function openFailure({ message }) {
  if (/Unexpected server response/.test(message)) return 'code:20, msg:Invalid HTTP status.';
  if (/no subprotocol/.test(message)) return "Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received";
  if (/has timed out/.test(message)) return 'code:9, msg:Timer Expired';
  return 'code:2, msg:Underlying Transport Error';
}

/** What the app is told of a close that it did not ask for. */
function reported(code, reason, device) {
  if (code !== 1006) return { code, reason };
  return device === 'olderIos' ? { code: 1001, reason: 'Stream end encountered' }
    : { code: 1006, reason: 'abnormal closure' };
}

function arrayBuffer(data) {
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
}

function succeed({ success, complete }, result) {
  success?.(result);
  complete?.(result);
}

function fail({ fail: failed, complete }, errMsg) {
  failed?.({ errMsg });
  complete?.({ errMsg });
}
