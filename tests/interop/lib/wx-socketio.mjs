// A small Socket.IO 1.x client for mini programs, of the kind that the demo ships: WebSocket only, over the global
// wx.onSocket* functions. Unlike the demo's it keeps the Engine.IO heartbeat that its server asks for, when told so.

import { Inbox } from './inbox.mjs';

export class WxSocketIo {
  /** Events from the server, as [name, data]. */
  events = new Inbox('an event of the game');
  closes = new Inbox('the end of the socket');
  /** How many heartbeats were answered. */
  pongs = 0;
  #wx;
  #heartbeat;
  #timer = null;

  constructor(wx, { heartbeat = true } = {}) {
    this.#wx = wx;
    this.#heartbeat = heartbeat;
  }

  /** Opens `url`, and is ready when the server has opened the namespace. */
  connect(url) {
    return new Promise((resolve, reject) => {
      this.#wx.onSocketMessage(({ data }) => this.#packet(data, resolve));
      this.#wx.onSocketError(({ errMsg }) => reject(new Error(errMsg)));
      this.#wx.onSocketClose((event) => {
        clearInterval(this.#timer);
        this.closes.push(event);
      });
      this.#wx.connectSocket({ url: `${url}/?EIO=3&transport=websocket` });
    });
  }

  emit(event, data) {
    this.#send(`42${JSON.stringify([event, data])}`);
  }

  /** The data of the next `event`. */
  async next(event, limitMs) {
    const [, data] = await this.events.next(([name]) => name === event, limitMs);
    return data;
  }

  close() {
    clearInterval(this.#timer);
    this.#wx.closeSocket();
  }

  #packet(packet, ready) {
    if (packet[0] === '0') this.#opened(JSON.parse(packet.slice(1)));
    else if (packet === '40') ready(this);
    else if (packet === '3') this.pongs += 1;
    else if (packet.startsWith('42')) this.events.push(JSON.parse(packet.slice(2)));
  }

  #opened({ pingInterval }) {
    if (this.#heartbeat) this.#timer = setInterval(() => this.#send('2'), pingInterval);
  }

  #send(data) {
    this.#wx.sendSocketMessage({ data });
  }
}
