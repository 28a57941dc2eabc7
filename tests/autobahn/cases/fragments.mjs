// Section 5: messages in fragments, with what may and what may not stand between them.

import {
  NORMAL, PROTOCOL_ERROR, gotPong, gotText, more, pause, ping, pong, send, sendEach, text,
} from '../script.mjs';

const BEGIN = { fin: false };
const WHOLE = 'fragment1fragment2';
const PAIR = [text('fragment1', BEGIN), more('fragment2')];
const PINGED = [text('fragment1', BEGIN), ping('ping payload'), more('fragment2')];
const FIVE = ['fragment1', 'fragment2', 'fragment3', 'fragment4', 'fragment5'];

/** The three ways in which the sections send the same frames. */
const WAYS = [
  ['', (frames) => [send(frames)]],
  [', each in a write of its own', sendEach],
  [', byte by byte', (frames) => [send(frames, 1)]],
];

export const cases = [
  failed('5.1', 'a ping in two fragments', [send([ping('fragment1', BEGIN), more('fragment2')])]),
  failed('5.2', 'a pong in two fragments', [send([pong('fragment1', BEGIN), more('fragment2')])]),
  ...ways([3, 4, 5], 'a text in two fragments', PAIR, [gotText(WHOLE)]),
  ...ways([6, 7, 8], 'a text in two fragments with a ping between', PINGED, [gotPong('ping payload'), gotText(WHOLE)]),
  ...ways([9, 10, 11], 'an end of a message that never began, then a text',
    [more('non-continuation payload'), text('Hello, world!')]),
  ...ways([12, 13, 14], 'a middle of a message that never began, then a text',
    [more('non-continuation payload', BEGIN), text('Hello, world!')]),
  {
    id: '5.15', about: 'a text in two fragments, a middle without a beginning, a text', close: PROTOCOL_ERROR,
    steps: () => [send([...PAIR, more('fragment3', BEGIN), text('fragment4')])],
    ok: [gotText(WHOLE)], nonStrict: [],
  },
  failed('5.16', 'twice: a middle without a beginning, then a text in two fragments', sendEach(twice(BEGIN))),
  failed('5.17', 'twice: an end without a beginning, then a text in two fragments', sendEach(twice({}))),
  failed('5.18', 'a text whose second fragment is marked as text',
    [send([text('fragment1', BEGIN), text('fragment2')])]),
  slow('5.19', 'five fragments, two pings between, a second of silence', (frames) => [send(frames)]),
  slow('5.20', 'the same, each frame in a write of its own', sendEach),
];

function ways(numbers, about, frames, ok = null) {
  return numbers.map((number, n) => {
    const [how, make] = WAYS[n];
    const example = { id: `5.${number}`, about: about + how, steps: () => make(frames) };
    return ok ? { ...example, ok, close: NORMAL } : { ...example, ok: [], close: PROTOCOL_ERROR };
  });
}

function failed(id, about, steps) {
  return { id, about, steps: () => steps, ok: [], close: PROTOCOL_ERROR };
}

function twice(options) {
  const round = [more('fragment1', options), text('fragment2', BEGIN), more('fragment3')];
  return [...round, ...round];
}

function slow(id, about, make) {
  const [one, two, three, four, five] = FIVE;
  const before = [text(one, BEGIN), more(two, BEGIN), ping('pongme 1!')];
  const after = [more(three, BEGIN), more(four, BEGIN), ping('pongme 2!'), more(five)];
  return {
    id, about, steps: () => [make(before), pause(1000), make(after)].flat(), close: NORMAL,
    ok: [gotPong('pongme 1!'), gotPong('pongme 2!'), gotText(FIVE.join(''))],
  };
}
