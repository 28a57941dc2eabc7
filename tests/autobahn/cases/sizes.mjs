// Sections 1, 9 and 10: messages of every size, cut and chopped in every way, come back as they were.

import {
  LIMITED, NORMAL, UNLIMITED, binary, fragmented, gotBinary, gotText, roundTrips, send, text,
} from '../script.mjs';

const KINDS = [
  { digit: 1, name: 'text', make: text, got: gotText, fill: '*' },
  { digit: 2, name: 'binary', make: binary, got: gotBinary, fill: '\xfe' },
];

const KB = 2 ** 10;
const MB = 2 ** 20;

export const cases = [...payloads(), ...large(), ...fragments(), ...chops(), ...echoes(), autoFragmented()];

/** 1.1 and 1.2: around the borders of the length field. */
function payloads() {
  const sizes = [[0], [125], [126], [127], [128], [65535], [65536], [65536, 997]];
  return KINDS.flatMap((kind) => sizes.map(([size, chop], n) => {
    const how = chop ? `, sent in chops of ${chop} bytes` : '';
    return whole(`1.${kind.digit}.${n + 1}`, `${kind.name} of ${size} bytes${how}`, kind, size, chop);
  }));
}

/** 9.1 and 9.2: one large frame. */
function large() {
  const sizes = [64 * KB, 256 * KB, MB, 4 * MB, 8 * MB, 16 * MB];
  return KINDS.flatMap((kind) => sizes.map((size, n) => (
    whole(`9.${kind.digit}.${n + 1}`, `${kind.name} of ${size} bytes`, kind, size)
  )));
}

/** 9.3 and 9.4: 4 MiB in fragments. */
function fragments() {
  const sizes = [64, 256, KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB, MB, 4 * MB];
  return KINDS.flatMap((kind) => sizes.map((size, n) => {
    const data = filled(kind, 4 * MB);
    return {
      id: `9.${kind.digit + 2}.${n + 1}`, about: `${kind.name} of 4 MiB in fragments of ${size} bytes`, path: UNLIMITED,
      steps: () => [send(fragmented(kind.make, data(), size))], get ok() { return [kind.got(data())]; }, close: NORMAL,
    };
  }));
}

/** 9.5 and 9.6: 1 MiB in small writes. */
function chops() {
  const sizes = [64, 128, 256, 512, KB, 2 * KB];
  return KINDS.flatMap((kind) => sizes.map((chop, n) => (
    whole(`9.${kind.digit + 4}.${n + 1}`, `${kind.name} of 1 MiB, sent in chops of ${chop} bytes`, kind, MB, chop)
  )));
}

/** 9.7 and 9.8: a thousand messages, each after the echo of the one before. */
function echoes() {
  const sizes = [0, 16, 64, 256, KB, 4 * KB];
  return KINDS.flatMap((kind) => sizes.map((size, n) => {
    const data = filled(kind, size);
    return {
      id: `9.${kind.digit + 6}.${n + 1}`, about: `1000 ${kind.name} messages of ${size} bytes, one after the other`,
      steps: () => [roundTrips(1000, kind.digit === 2, data)],
      get ok() { return Array(1000).fill(kind.got(data())); }, close: NORMAL,
    };
  }));
}

/** 10.1.1: a sender that fragments by itself. */
function autoFragmented() {
  const data = '*'.repeat(65536);
  return {
    id: '10.1.1', about: 'text of 65536 bytes in fragments of 1300',
    steps: () => [send(fragmented(text, data, 1300))], ok: [gotText(data)], close: NORMAL,
  };
}

function whole(id, about, kind, size, chop) {
  const data = filled(kind, size);
  return {
    id, about, path: size > MB ? UNLIMITED : LIMITED,
    steps: () => [send(kind.make(data()), chop)], get ok() { return [kind.got(data())]; }, close: NORMAL,
  };
}

/** The payload is made each time it is asked for: together they would be hundreds of megabytes. */
function filled({ fill }, size) {
  return () => Buffer.alloc(size, fill, 'latin1');
}
