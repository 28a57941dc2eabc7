// The words in which a case is written: what the client does, and what may come of it. Data only:
// nothing here opens a socket.
//
// A case is { id, about, steps(), ok, nonStrict?, close, path?, offer?, informational? }
//   steps()        what the client does, made when the case runs (payloads may be large)
//   ok, nonStrict  the events that Autobahn accepts, see `verdict.mjs`
//   close          who closes first, with which codes of the server, and whether it must be clean
//   offer          the Sec-WebSocket-Extensions of the handshake
//   path           which route it takes: LIMITED unless said otherwise
//   informational  the RFC leaves the outcome open: it only has to end

import { createHash } from 'node:crypto';

import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, bytesOf, closePayload, frame } from '../interop/lib/frames.mjs';

/** A route with the default message_size, 1 MiB, and one without any limit. */
export const LIMITED = '/limited';
export const UNLIMITED = '/unlimited';

/** The client closes with 1000 and the server answers with the same. */
export const NORMAL = { by: 'us', codes: [1000], clean: true };
/** The server fails the connection: a protocol error, or text that is not UTF-8. */
export const PROTOCOL_ERROR = { by: 'them', codes: [1002], clean: false };
export const NOT_UTF8 = { by: 'them', codes: [1007], clean: false };

// Frames of the client.
export const text = (data, options) => frame(TEXT, data, options);
export const binary = (data, options) => frame(BINARY, data, options);
export const more = (data, options) => frame(CONTINUATION, data, options);
export const ping = (data, options) => frame(PING, data, options);
export const pong = (data, options) => frame(PONG, data, options);
export const closing = (code, reason) => frame(CLOSE, closePayload(code, reason));
export const reserved = (opcode, data, options) => frame(opcode, data, options);

/** A message cut into frames of `size` bytes. */
export function fragmented(make, data, size) {
  const whole = bytesOf(data);
  const count = Math.max(1, Math.ceil(whole.length / size));
  const frames = Array.from({ length: count }, (_, n) => {
    const part = whole.subarray(n * size, (n + 1) * size);
    return (n === 0 ? make : more)(part, { fin: n === count - 1 });
  });
  return Buffer.concat(frames);
}

// Steps.
/** Sends all frames in one write, or in writes of `chop` bytes. */
export const send = (frames, chop = 0) => ({ do: 'send', bytes: Buffer.concat([frames].flat()), chop });
/** Sends each frame in a write of its own. */
export const sendEach = (frames) => frames.map((bytes) => send(bytes));
/** Waits; a `name` makes an event when the connection is still open afterwards. */
export const pause = (ms, name = null) => ({ do: 'pause', ms, name });
/** Sends frames that end with a Close of the client's. */
export const sendClose = (frames) => ({ do: 'close', bytes: Buffer.concat([frames].flat()) });
/** Sends `count` messages, each after the echo of the one before; `data(n)` is the payload of one. */
export const roundTrips = (count, isBinary, data, fragment = 0) => ({
  do: 'roundTrips', count, isBinary, data, fragment,
});

// Events.
export const gotText = (data, how) => event('text', data, how);
export const gotBinary = (data, how) => event('binary', data, how);
export const gotPong = (data) => event('pong', data);
export const timeout = (name) => `timeout ${name}`;

/** One event as a line: what, how long, and a hash of it. */
export function event(kind, data, how = '') {
  const bytes = bytesOf(data);
  const hash = createHash('sha1').update(bytes).digest('hex').slice(0, 12);
  return `${kind} ${bytes.length} ${hash}${how && ` ${how}`}`;
}
