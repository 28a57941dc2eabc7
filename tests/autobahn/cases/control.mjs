// Sections 2, 3 and 4: pings and pongs, reserved bits, reserved opcodes.

import {
  NORMAL, PROTOCOL_ERROR, binary, closing, gotPong, gotText, ping, pong, reserved, send, sendEach, text,
} from '../script.mjs';

const HELLO = 'Hello, world!';
const BYTES = Buffer.from('00fffefdfcfb00ff', 'hex');
const FULL = Buffer.alloc(125, 0xfe);
const TEN = Array.from({ length: 10 }, (_, n) => `payload-${n}`);

export const cases = [
  answered('2.1', 'a ping without payload', [send(ping())], [gotPong('')]),
  answered('2.2', 'a ping with text', [send(ping(HELLO))], [gotPong(HELLO)]),
  answered('2.3', 'a ping with bytes that are not text', [send(ping(BYTES))], [gotPong(BYTES)]),
  answered('2.4', 'a ping of 125 bytes', [send(ping(FULL))], [gotPong(FULL)]),
  failed('2.5', 'a ping of 126 bytes', [send(ping(Buffer.alloc(126, 0xfe)))]),
  answered('2.6', 'a ping of 125 bytes, byte by byte', [send(ping(FULL), 1)], [gotPong(FULL)]),
  answered('2.7', 'a pong that nobody asked for', [send(pong())], []),
  answered('2.8', 'a pong with payload that nobody asked for', [send(pong('unsolicited pong payload'))], []),
  answered('2.9', 'such a pong, then a ping', sendEach([pong('unsolicited pong payload'), ping('ping payload')]),
    [gotPong('ping payload')]),
  answered('2.10', 'ten pings', sendEach(TEN.map((data) => ping(data))), TEN.map((data) => gotPong(data))),
  answered('2.11', 'ten pings, byte by byte', TEN.map((data) => send(ping(data), 1)), TEN.map((data) => gotPong(data))),

  failed('3.1', 'a text with RSV 1', [send(text(HELLO, { rsv: 1 }))]),
  failedLater('3.2', 'a text, a text with RSV 2, a ping', [send([text(HELLO), text(HELLO, { rsv: 2 }), ping()])]),
  failedLater('3.3', 'a text, a text with RSV 3, a ping, each in a write of its own',
    sendEach([text(HELLO), text(HELLO, { rsv: 3 }), ping()])),
  failedLater('3.4', 'a text, a text with RSV 4, a ping, byte by byte',
    [send([text(HELLO), text(HELLO, { rsv: 4 }), ping()], 1)]),
  failed('3.5', 'a binary with RSV 5', [send(binary(BYTES, { rsv: 5 }))]),
  failed('3.6', 'a ping with RSV 6', [send(ping(HELLO, { rsv: 6 }))]),
  failed('3.7', 'a close with RSV 7', [send(rsvOnClose())]),

  failed('4.1.1', 'opcode 3', [send(reserved(3))]),
  failed('4.1.2', 'opcode 4 with payload', [send(reserved(4, HELLO))]),
  ...after('4.1', [5, 6, 7]),
  failed('4.2.1', 'opcode 11', [send(reserved(11))]),
  failed('4.2.2', 'opcode 12 with payload', [send(reserved(12, HELLO))]),
  ...after('4.2', [13, 14, 15]),
];

/** A text, a reserved opcode (the first of the three empty), a ping; the third byte by byte. */
function after(section, opcodes) {
  return opcodes.map((opcode, n) => {
    const frames = [text(HELLO), reserved(opcode, n === 0 ? '' : HELLO), ping()];
    const steps = n === 2 ? [send(frames, 1)] : sendEach(frames);
    const how = n === 2 ? ', byte by byte' : '';
    return failedLater(`${section}.${n + 3}`, `a text, opcode ${opcode}, a ping${how}`, steps);
  });
}

function rsvOnClose() {
  const bytes = closing(1000);
  bytes[0] |= 7 << 4;
  return bytes;
}

function answered(id, about, steps, ok) {
  return { id, about, steps: () => steps, ok, close: NORMAL };
}

function failed(id, about, steps) {
  return { id, about, steps: () => steps, ok: [], close: PROTOCOL_ERROR };
}

function failedLater(id, about, steps) {
  return {
    id, about, steps: () => steps, ok: [gotText(HELLO)], nonStrict: [], close: PROTOCOL_ERROR,
  };
}
