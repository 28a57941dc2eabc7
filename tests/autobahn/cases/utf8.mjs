// Section 6: text that is UTF-8 and text that is not. The sequences are those of Markus Kuhn's
// "UTF-8 decoder capability and stress test", numbered as Autobahn numbers them.

import { NORMAL, NOT_UTF8, fragmented, gotText, more, pause, send, text, timeout } from '../script.mjs';

const GREEK = 'cebae1bdb9cf83cebcceb5';
const MIXED = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!');
const BROKEN = hex(`${GREEK}eda080656469746564`);
/** The third part makes it longer only; the second one's last bytes are beyond U+10FFFF from its second byte on. */
const LATE = [hex(GREEK), hex('f4908080'), hex('656469746564')];
const LATER = cut(Buffer.concat(LATE), 12, 13);
const WAIT_MS = 1000;

const INCOMPLETE = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'];

/** Section, meaning, valid sequences and invalid ones in their order; `!` marks an invalid one. */
const SEQUENCES = [
  [5, 'valid sequences', ['68656c6c6f24776f726c64', '68656c6c6fc2a2776f726c64', '68656c6c6fe282ac776f726c64',
    '68656c6c6ff0a4ada2776f726c64', GREEK]],
  [6, 'every prefix of a valid text', prefixes()],
  [7, 'the first sequence of each length', ['00', 'c280', 'e0a080', 'f0908080']],
  [8, 'the first of 5 and 6 bytes', ['!f888808080', '!fc8480808080']],
  [9, 'the last sequence of each length', ['7f', 'dfbf', 'efbfbf', 'f48fbfbf']],
  [10, 'the last of 4, 5 and 6 bytes', ['!f7bfbfbf', '!fbbfbfbfbf', '!fdbfbfbfbfbf']],
  [11, 'other borders', ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', '!f4908080']],
  [12, 'continuation bytes without a start', ['!80', '!bf', '!80bf', '!80bf80', '!80bf80bf', '!80bf80bf80',
    '!80bf80bf80bf', `!${range(0x80, 0xbf)}`]],
  [13, 'start bytes without continuation', [[0xc0, 0xdf], [0xe0, 0xef], [0xf0, 0xf7], [0xf8, 0xfb], [0xfc, 0xfd]]
    .map(([first, last]) => `!${range(first, last, '20')}`)],
  [14, 'the last byte missing', INCOMPLETE.map((it) => `!${it}`)],
  [15, 'incomplete sequences in a row', [`!${INCOMPLETE.join('')}`]],
  [16, 'impossible bytes', ['!fe', '!ff', '!fefeffff']],
  [17, 'an overlong slash', ['!c0af', '!e080af', '!f08080af', '!f8808080af', '!fc80808080af']],
  [18, 'the longest overlong sequences', ['!c1bf', '!e09fbf', '!f08fbfbf', '!f887bfbfbf', '!fc83bfbfbfbf']],
  [19, 'an overlong NUL', ['!c080', '!e08080', '!f0808080', '!f880808080', '!fc8080808080']],
  [20, 'single surrogates', ['!eda080', '!edadbf', '!edae80', '!edafbf', '!edb080', '!edbe80', '!edbfbf']],
  [21, 'paired surrogates', ['eda080', 'edadbf', 'edae80', 'edafbf']
    .flatMap((high) => ['edb080', 'edbfbf'].map((low) => `!${high}${low}`))],
  [22, 'non-characters', nonCharacters()],
  [23, 'specials', ['efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf']],
];

export const cases = [
  echoed('6.1.1', 'an empty text', [send(text(''))], ''),
  echoed('6.1.2', 'three empty fragments', [send([text('', { fin: false }), more('', { fin: false }), more('')])], ''),
  echoed('6.1.3', 'only the middle fragment has payload',
    [send([text('', { fin: false }), more('middle frame payload', { fin: false }), more('')])], 'middle frame payload'),
  echoed('6.2.1', 'valid text in one frame', [send(text(MIXED))], MIXED),
  echoed('6.2.2', 'valid text cut between two characters', [send(frames(cut(MIXED, 12)))], MIXED),
  echoed('6.2.3', 'valid text in fragments of one byte', [send(fragmented(text, MIXED, 1))], MIXED),
  echoed('6.2.4', 'Greek text in fragments of one byte', [send(fragmented(text, hex(GREEK), 1))], hex(GREEK)),
  refused('6.3.1', 'invalid text in one frame', [send(text(BROKEN))]),
  refused('6.3.2', 'invalid text in fragments of one byte', [send(fragmented(text, BROKEN, 1))]),
  slow('6.4.1', 'the second of three fragments is invalid', frames(LATE)),
  slow('6.4.2', 'the second of three fragments ends where it becomes invalid', frames(LATER)),
  slow('6.4.3', 'one frame in three writes, the second invalid', split(LATE)),
  slow('6.4.4', 'one frame in three writes, the second ends where it becomes invalid', split(LATER)),
  ...SEQUENCES.flatMap(([section, about, list]) => list.map((entry, n) => {
    const bytes = hex(entry.replace('!', ''));
    const make = entry.startsWith('!') ? refused : echoed;
    return make(`6.${section}.${n + 1}`, `${about}: ${bytes.toString('hex').slice(0, 32)}`, [send(text(bytes))], bytes);
  })),
];

function echoed(id, about, steps, data) {
  return { id, about, steps: () => steps, ok: [gotText(data)], close: NORMAL };
}

function refused(id, about, steps) {
  return { id, about, steps: () => steps, ok: [], close: NOT_UTF8 };
}

/** OK is a server that fails at the second part, NON-STRICT one that waits for the end of the message. */
function slow(id, about, [one, two, three]) {
  return {
    id, about, close: NOT_UTF8, ok: [timeout('A')], nonStrict: [timeout('A'), timeout('B')],
    steps: () => [send(one), pause(WAIT_MS, 'A'), send(two), pause(WAIT_MS, 'B'), send(three)],
  };
}

/** The parts as the fragments of one message. */
function frames(parts) {
  return parts.map((part, n) => (n === 0 ? text : more)(part, { fin: n === parts.length - 1 }));
}

/** One frame, cut where the parts of its payload end. */
function split(parts) {
  const whole = text(Buffer.concat(parts));
  const head = whole.length - Buffer.concat(parts).length;
  return cut(whole, head + parts[0].length, head + parts[0].length + parts[1].length);
}

function cut(bytes, ...places) {
  return [0, ...places].map((from, n) => bytes.subarray(from, places[n] ?? bytes.length));
}

function hex(digits) {
  return Buffer.from(digits, 'hex');
}

/** The bytes from `first` up to, not including, `end`, each followed by `then`. */
function range(first, end, then = '') {
  return Array.from({ length: end - first }, (_, n) => (first + n).toString(16) + then).join('');
}

/** A prefix is valid where it ends with a character: after 2, 5, 7, 9 and 11 bytes. */
function prefixes() {
  const borders = [2, 5, 7, 9, 11];
  return Array.from({ length: 11 }, (_, n) => `${borders.includes(n + 1) ? '' : '!'}${GREEK.slice(0, 2 * (n + 1))}`);
}

/** U+FFFE, U+FFFF and the last two of every plane above: no characters, but valid UTF-8. */
function nonCharacters() {
  return Array.from({ length: 17 }, (_, plane) => [0xfffe, 0xffff].map((last) => (
    Buffer.from(String.fromCodePoint(plane * 0x10000 + last)).toString('hex')
  ))).flat();
}
