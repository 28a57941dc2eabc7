// Section 7: how connections are closed, by which codes, and what is ignored after a Close.

import { CLOSE, frame } from '../../interop/lib/frames.mjs';
import { NORMAL, closing, gotText, more, ping, sendClose, text } from '../script.mjs';

const HELLO = 'Hello World!';
const NOT_UTF8_REASON = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex');

/** A wrong Close is answered with 1002, or the stream is dropped. */
const WRONG_CLOSE = { by: 'us', codes: [1002], clean: false };
/** A Close without a code is answered with one without a code, or with 1000. */
const NO_CODE = { by: 'us', codes: [1005, 1000], clean: true };

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const UNDEFINED = [5000, 65535];

export const cases = [
  { ...ends('7.1.1', 'a text, then a close', [text(HELLO), closing(1000)], NORMAL), ok: [gotText(HELLO)] },
  ends('7.1.2', 'two closes', [closing(1000), closing(1000)], NORMAL),
  ends('7.1.3', 'a ping after the close', [closing(1000), ping()], NORMAL),
  ends('7.1.4', 'a text after the close', [closing(1000), text(HELLO)], NORMAL),
  ends('7.1.5', 'a close between two fragments',
    [text('fragment1', { fin: false }), closing(1000), more('fragment2')], NORMAL),
  {
    ...ends('7.1.6', '256 KiB of text, a text, a close, a ping', [
      text('BAsd7&jh23'.repeat(26215).slice(0, 262144)), text(HELLO), closing(1000), ping(),
    ], NORMAL),
    informational: true,
  },
  ends('7.3.1', 'a close without payload', [frame(CLOSE)], NO_CODE),
  ends('7.3.2', 'a close with one byte', [frame(CLOSE, 'a')], WRONG_CLOSE),
  ends('7.3.3', 'a close with a code', [closing(1000)], NORMAL),
  ends('7.3.4', 'a close with a code and a reason', [closing(1000, HELLO)], NORMAL),
  ends('7.3.5', 'a close with the longest reason', [closing(1000, '*'.repeat(123))], NORMAL),
  ends('7.3.6', 'a close with a reason one byte too long', [closing(1000, '*'.repeat(124))], WRONG_CLOSE),
  ends('7.5.1', 'a close whose reason is not UTF-8', [closing(1000, NOT_UTF8_REASON)],
    { by: 'us', codes: [1007], clean: false }),
  ...VALID.map((code, n) => ends(`7.7.${n + 1}`, `close code ${code}`, [closing(code)],
    { by: 'us', codes: [1000, code], clean: true })),
  ...INVALID.map((code, n) => ends(`7.9.${n + 1}`, `close code ${code}`, [closing(code)], WRONG_CLOSE)),
  ...UNDEFINED.map((code, n) => ({
    ...ends(`7.13.${n + 1}`, `close code ${code}`, [closing(code)], WRONG_CLOSE), informational: true,
  })),
];

function ends(id, about, frames, close) {
  return { id, about, steps: () => [sendClose(frames)], ok: [], close };
}
