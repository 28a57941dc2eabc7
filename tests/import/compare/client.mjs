// Asks a server on loopback for one thing and says what came of it, in words that can be compared. Knows HTTP and
// the handshake of WebSocket, and neither nginx nor wsgate.

import http from 'node:http';
import https from 'node:https';

const LIMIT_MS = 20_000;
/** A body is held back this long: who refuses it by its length says so before. */
const BODY_AFTER_MS = 400;

/**
 * `ask` has `tls`, `host`, `path`, and if need be `method`, `headers`, `length` of a body and `websocket`.
 * Gives `{ status, location, seen }`; `seen` is what the backend says of the request, null when none was reached.
 */
export function send(port, ask) {
  return new Promise((resolve) => {
    const settle = (answer) => {
      clearTimeout(timer);
      request.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle({ status: 'no answer', seen: null }), LIMIT_MS);
    const request = (ask.tls ? https : http).request({
      host: '127.0.0.1', port, path: ask.path, method: ask.method ?? 'GET', agent: false,
      servername: ask.host, rejectUnauthorized: false, headers: headersOf(ask),
    });
    request.on('error', (error) => settle({ status: failure(error), seen: null }));
    request.on('upgrade', (response, socket, head) => firstText(socket, head, (text) => settle({
      status: response.statusCode, subprotocol: response.headers['sec-websocket-protocol'], seen: parsed(text),
    })));
    request.on('response', (response) => collect(response, (text) => settle({
      status: response.statusCode, location: response.headers.location, seen: parsed(text), own: own(response, text), fields: response.headers,
    })));
    if (ask.length) setTimeout(() => request.end(Buffer.alloc(ask.length, 'x')), BODY_AFTER_MS);
    else request.end();
    if (ask.length) request.flushHeaders();
  });
}

function headersOf(ask) {
  const headers = { Host: ask.host, ...ask.headers };
  if (ask.length) headers['Content-Length'] = ask.length;
  if (!ask.websocket) return headers;
  return {
    ...headers, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
}

function failure(error) {
  if (/alert|SSL|TLS/i.test(`${error.code} ${error.message}`)) return 'refused in the TLS handshake';
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'closed without an answer' : `failed: ${error.code}`;
}

function collect(response, done) {
  const pieces = [];
  response.on('data', (piece) => pieces.push(piece));
  response.on('end', () => done(Buffer.concat(pieces).toString()));
  response.on('error', () => done(''));
}

/** The text of the first frame, which is whole and below 64 KiB. */
function firstText(socket, head, done) {
  let got = head;
  const look = () => {
    if (got.length < 4) return;
    const short = got[1] < 126;
    const start = short ? 2 : 4;
    const length = short ? got[1] : got.readUInt16BE(2);
    if (got.length >= start + length) done(got.subarray(start, start + length).toString());
  };
  socket.on('data', (piece) => {
    got = Buffer.concat([got, piece]);
    look();
  });
  socket.on('error', () => done(''));
  socket.on('close', () => done(''));
  look();
}

/** What a server that is no backend says in an answer that is no error and no redirect: there every byte counts. */
function own(response, text) {
  if (response.statusCode >= 300 || parsed(text)) return undefined;
  return { type: response.headers['content-type'], length: response.headers['content-length'], text };
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value?.backend ? value : null;
  } catch {
    return null;
  }
}
