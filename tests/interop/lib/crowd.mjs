// Many sockets at once: opened in batches, each with a heartbeat of messages whose echo is timed. Knows the gateway's
// address and nothing else of it.

import { once } from 'node:events';

import WebSocket from 'ws';

const AT_ONCE = 100;

/** `count` open sockets on `url`; `options` are those of `ws`. */
export async function openCrowd(url, count, options) {
  const sockets = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => open(url, options));
    sockets.push(...await Promise.all(batch));
  }
  return sockets;
}

export async function open(url, options) {
  const socket = new WebSocket(url, options);
  await once(socket, 'open');
  return socket;
}

/** Lets each socket send a message every `everyMs` until `stop()`, which tells what became of them. */
export function chatter(sockets, everyMs) {
  const seen = { sent: 0, echoed: 0, latestMs: 0, closed: 0 };
  for (const socket of sockets) {
    socket.on('message', (data) => {
      const sentAt = Number(data.toString());
      if (!Number.isFinite(sentAt)) return; // the server's first words
      seen.echoed += 1;
      seen.latestMs = Math.max(seen.latestMs, performance.now() - sentAt);
    });
    socket.on('close', () => { seen.closed += 1; });
  }
  // Not all in one moment: in as many slices as there are ticks in the period.
  const slices = Math.max(1, Math.floor(everyMs / TICK_MS));
  let turn = 0;
  const timer = setInterval(() => {
    for (let at = turn; at < sockets.length; at += slices) {
      if (sockets[at].readyState !== WebSocket.OPEN) continue;
      sockets[at].send(String(performance.now()));
      seen.sent += 1;
    }
    turn = (turn + 1) % slices;
  }, TICK_MS);
  return {
    seen,
    stop() {
      clearInterval(timer);
      return seen;
    },
  };
}

const TICK_MS = 20;
