// The socket class of a live room's mini program, of the kind that such apps share: a JSON heartbeat each three
// seconds, and after any end that it did not ask for a way back each 3 s, then 10 s, then 450 s.

import { Inbox } from './inbox.mjs';

export const HEARTBEAT_MS = 3000;
const HEARTBEAT = '{"msg_type":"ping"}';
const RETRIES = [{ times: 20, everyMs: 3000 }, { times: 30, everyMs: 10_000 }, { times: Infinity, everyMs: 450_000 }];

export class LiveRoomSocket {
  inbox = new Inbox('a message of the live room');
  ends = new Inbox('the end of a socket');
  heartbeats = { sent: 0, answered: 0 };
  connections = 0;
  #wx;
  #url;
  #join;
  #beats;
  #task = null;
  #beat = null;
  #retry = null;
  #tries = 0;
  #closed = false;

  /** `join` is sent whenever the server has said its `init`. */
  constructor(wx, url, join, { beats = true } = {}) {
    this.#wx = wx;
    this.#url = url;
    this.#join = join;
    this.#beats = beats;
  }

  connect() {
    this.#task = this.#wx.connectSocket({ url: this.#url });
    this.#task.onMessage(({ data }) => this.#heard(data));
    this.#task.onClose((event) => {
      this.ends.push(event);
      this.#again();
    });
    this.#task.onError(() => this.#again());
    return this;
  }

  say(msgType, more = {}) {
    this.#task.send({ data: JSON.stringify({ msg_type: msgType, ...more }) });
  }

  /** The next message of this kind. */
  next(msgType, limitMs) {
    return this.inbox.next((message) => message.msg_type === msgType, limitMs);
  }

  stopBeating() {
    clearInterval(this.#beat);
  }

  /** The app goes to the background. */
  interrupt() {
    this.#wx.interrupt();
  }

  close() {
    this.#closed = true;
    this.stopBeating();
    clearTimeout(this.#retry);
    this.#task.close({ code: '1000' });
  }

  #heard(data) {
    const message = JSON.parse(data);
    if (message.msg_type === 'init') this.#begin(message);
    if (message.msg_type === 'pong') this.heartbeats.answered += 1;
    else this.inbox.push(message);
  }

  #begin({ client_id: clientId }) {
    this.clientId = clientId;
    this.connections += 1;
    this.#tries = 0;
    this.say('join', this.#join);
    if (!this.#beats) return;
    this.#beat = setInterval(() => {
      this.heartbeats.sent += 1;
      this.#task.send({ data: HEARTBEAT });
    }, HEARTBEAT_MS);
  }

  #again() {
    this.stopBeating();
    if (this.#closed) return;
    this.#tries += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.connect(), pause(this.#tries));
  }
}

function pause(tries) {
  let left = tries;
  for (const { times, everyMs } of RETRIES) {
    if (left <= times) return everyMs;
    left -= times;
  }
  return RETRIES.at(-1).everyMs;
}
