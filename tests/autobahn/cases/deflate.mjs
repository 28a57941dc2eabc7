// Sections 12 and 13: permessage-deflate. A sample: the sizes and fragments are Autobahn's, the number
// of messages is cut so that no case moves more than VOLUME each way, and the data are made here.

import { createHash } from 'node:crypto';

import { LIMITED, NORMAL, event, roundTrips } from '../script.mjs';

const VOLUME = 2 ** 19;
const MOST = 150;

/** Message size and, for the later ones, the size of its fragments; in Autobahn's order. */
const SIZES = [
  [16], [64], [256], [1024], [4096], [8192], [16384], [32768], [65536], [131072],
  [8192, 256], [16384, 256], [32768, 256], [65536, 256], [131072, 256], [131072, 1024], [131072, 4096], [131072, 32768],
];
const SAMPLE = [1, 4, 8, 10, 12, 18];

const JSON_TEXT = Buffer.from(Array.from({ length: 4000 }, (_, n) => JSON.stringify(
  { id: n, name: `player ${n * 7919 % 1009}`, score: n * n % 4093, online: n % 3 === 0 },
)).join('\n'));
const NOISE = Buffer.concat(Array.from({ length: 8192 }, (_, n) => createHash('sha1').update(`noise ${n}`).digest()));

/** Section 12 keeps both compression contexts, which section 13's offers give up one by one. */
const PLAIN_OFFER = 'permessage-deflate; client_max_window_bits';
const ANY_CLIENT = 'client_no_context_takeover; client_max_window_bits';

/** What the server is asked for, as Autobahn names it: (no context takeover, window bits). */
const OFFERS = [
  ['(false, 0)', [`permessage-deflate; ${ANY_CLIENT}`]],
  ['(true, 0)', [`permessage-deflate; ${ANY_CLIENT}; server_no_context_takeover`]],
  ['(false, 9)', [`permessage-deflate; ${ANY_CLIENT}; server_max_window_bits=9`]],
  ['(false, 15)', [`permessage-deflate; ${ANY_CLIENT}; server_max_window_bits=15`]],
  ['(true, 9)', [`permessage-deflate; ${ANY_CLIENT}; server_no_context_takeover; server_max_window_bits=9`]],
  ['(true, 15)', [`permessage-deflate; ${ANY_CLIENT}; server_no_context_takeover; server_max_window_bits=15`]],
  ['(true, 9), (true, 0), (false, 0)', [
    `permessage-deflate; ${ANY_CLIENT}; server_no_context_takeover; server_max_window_bits=9`,
    `permessage-deflate; ${ANY_CLIENT}; server_no_context_takeover`, `permessage-deflate; ${ANY_CLIENT}`,
  ]],
];

export const cases = [
  ...SIZES.map((_, n) => packed('12.1', n + 1, 'JSON', JSON_TEXT, false, PLAIN_OFFER)),
  ...SAMPLE.map((number) => packed('12.2', number, 'noise', NOISE, true, PLAIN_OFFER)),
  ...OFFERS.flatMap(([about, offers], n) => SAMPLE.map((number) => (
    packed(`13.${n + 1}`, number, `JSON, offer ${about}`, JSON_TEXT, false, offers.join(', '))
  ))),
];

function packed(section, number, about, source, isBinary, offer) {
  const [size, fragment] = SIZES[number - 1];
  const count = Math.max(4, Math.min(MOST, Math.floor(VOLUME / size)));
  const data = (n) => window(source, n * size, size);
  const kind = isBinary ? 'binary' : 'text';
  const how = fragment ? ` in fragments of ${fragment}` : '';
  return {
    id: `${section}.${number}`, about: `${count} messages of ${size} bytes${how}: ${about}`, offer, path: LIMITED,
    steps: () => [roundTrips(count, isBinary, data, fragment)], close: NORMAL,
    get ok() { return Array.from({ length: count }, (_, n) => event(kind, data(n), 'deflated')); },
  };
}

/** `size` bytes of an endless repetition of `source`. */
function window(source, from, size) {
  const start = from % source.length;
  const first = source.subarray(start, start + size);
  return first.length === size ? first : Buffer.concat([first, source.subarray(0, size - first.length)]);
}
