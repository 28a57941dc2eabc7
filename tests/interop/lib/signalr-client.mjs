// SignalR from the client's side: connections of the official library, and the bytes that an app writes
// itself when it speaks the JSON protocol over a bare socket. Knows nothing of servers or gateways.

import { once } from 'node:events';
import https from 'node:https';

import { CLOSE, PING, TEXT, frame } from './frames.mjs';
import { within } from './ports.mjs';
import { connect } from './raw-socket.mjs';

const LIMIT_MS = 10_000;

/** Ends every message; invisible in most editors, and easily lost. */
export const SEPARATOR = '\x1e';
export const HANDSHAKE = `{"protocol":"json","version":1}${SEPARATOR}`;
export const PING_MESSAGE = `{"type":6}${SEPARATOR}`;
export const TOKEN = 'never-to-be-logged';

/** The four ways in which the official client connects. */
export const WAYS = {
  WebSockets: { transport: 'WebSockets' },
  ServerSentEvents: { transport: 'ServerSentEvents' },
  LongPolling: { transport: 'LongPolling' },
  'WebSockets without negotiation': { transport: 'WebSockets', skipNegotiation: true },
};

/** A started connection of the official client; `ended` is set when it closes by itself. */
export async function official(library, gateway, way) {
  const { HubConnectionBuilder, HttpTransportType, LogLevel } = library;
  const { transport, skipNegotiation = false } = WAYS[way];
  const connection = new HubConnectionBuilder()
    .withUrl(`https://${gateway.host}:${gateway.port}/hub`, {
      transport: HttpTransportType[transport], skipNegotiation, accessTokenFactory: () => TOKEN,
    })
    .configureLogging(LogLevel.None)
    .build();
  connection.way = way;
  connection.ended = null;
  connection.onclose((error) => { connection.ended = error ?? new Error('closed'); });
  await connection.start();
  return connection;
}

/** A bare socket at the hub, with the headers that a mini program sends; `from` is the client's own address. */
export async function native(gateway, headers, { path = '/hub', from } = {}) {
  const socket = await connect(gateway.port, { ca: gateway.ca, servername: gateway.host, localAddress: from });
  await socket.upgrade(`${gateway.host}:${gateway.port}`, path, headers);
  return socket;
}

/** The negotiation by hand: the connection token, and the cookies that came with it as a Cookie field. */
export async function negotiate(gateway, { from } = {}) {
  const request = https.request({
    host: gateway.host, port: gateway.port, ca: gateway.ca, localAddress: from, agent: false, method: 'POST',
    path: '/hub/negotiate?negotiateVersion=1',
  });
  request.end();
  const [response] = await within(LIMIT_MS, 'the negotiation', once(request, 'response'));
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  if (response.statusCode !== 200) throw new Error(`the negotiation was answered with ${response.statusCode}: ${body}`);
  const cookies = (response.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]);
  return { token: JSON.parse(body).connectionToken, headers: cookies.length > 0 ? { Cookie: cookies.join('; ') } : {} };
}

export const call = (id, target, ...values) => (
  `{"type":1,"invocationId":"${id}","target":"${target}","arguments":${JSON.stringify(values)}}${SEPARATOR}`);
export const result = (id, value) => `{"type":3,"invocationId":"${id}","result":${JSON.stringify(value)}}${SEPARATOR}`;

/** Sends one text frame for each piece; more than one piece is one message in fragments. */
export function say(socket, ...pieces) {
  pieces.forEach((piece, n) => {
    socket.send(frame(n === 0 ? TEXT : 0, piece, { fin: n === pieces.length - 1 }));
  });
}

/** The next frame that is not the gateway's own Ping. */
export async function hear(socket, limitMs) {
  for (;;) {
    const got = await socket.next(limitMs);
    if (got?.opcode !== PING) return got;
  }
}

/** What a Close frame says: its code, or null when it is empty; undefined when `got` is none. */
export function closeCode(got) {
  if (got?.opcode !== CLOSE) return undefined;
  return got.payload.length >= 2 ? got.payload.readUInt16BE(0) : null;
}
