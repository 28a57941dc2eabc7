// Plays every case twice, against a conforming echo server (`ws`) and through wsgate in front of the same
// server, and compares what Autobahn would say. The cases follow the public descriptions of the Autobahn
// test suite and carry its numbers. Exit code 1 when anything differs.
//
//   WSGATE_BIN   the program to try, default target/release/wsgate
//   argument     only the cases whose number begins with it: 7, 6.22, 9.1.3

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { startGateway } from '../interop/lib/gateway.mjs';
import { cases as closing } from './cases/closing.mjs';
import { cases as control } from './cases/control.mjs';
import { cases as deflate } from './cases/deflate.mjs';
import { cases as fragments } from './cases/fragments.mjs';
import { cases as sizes } from './cases/sizes.mjs';
import { cases as utf8 } from './cases/utf8.mjs';
import { play } from './client.mjs';
import { LIMITED, UNLIMITED } from './script.mjs';
import { differences, verdict } from './verdict.mjs';

const AT_ONCE = 8;

const only = process.argv[2]?.split('.') ?? [];
const chosen = [...sizes, ...control, ...fragments, ...utf8, ...closing, ...deflate]
  .filter(({ id }) => only.every((part, n) => id.split('.')[n] === part))
  .sort((a, b) => byNumber(a.id, b.id));
const start = performance.now();
const echo = new Worker(new URL('echo-server.mjs', import.meta.url));
const [echoPort] = await once(echo, 'message');
const results = new Map();
try {
  await compareAll();
} finally {
  await echo.terminate();
}
const failed = summary();
process.exit(failed === 0 ? 0 : 1);

async function compareAll() {
  const gateway = await startGateway(routes(echoPort));
  const direct = { port: echoPort, secure: null, host: `127.0.0.1:${echoPort}` };
  const through = {
    port: gateway.port, secure: { ca: gateway.ca, servername: gateway.host }, host: `${gateway.host}:${gateway.port}`,
  };
  const waiting = [...chosen];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await compare(next, direct, through);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    const code = await gateway.stop();
    if (code !== 0) throw new Error(`wsgate exited with ${code}:\n${gateway.log.stderr.slice(-4000)}`);
  }
}

async function compare(written, direct, through) {
  const example = { ...written };
  try {
    const seen = await play(example, direct);
    const behind = await play(example, through);
    const found = differences(example, seen, behind);
    const said = verdict(example, behind).behaviour;
    results.set(example.id, { differs: found.length > 0, said: example.informational ? 'INFORMATIONAL' : said });
    if (found.length > 0) console.log(`DIFFERS ${example.id} (${example.about}): ${found.join('; ')}`);
  } catch (error) {
    results.set(example.id, { differs: true, said: 'FAILED' });
    console.log(`DIFFERS ${example.id} (${example.about}): ${error.message}`);
  }
}

/** The counts of each section, as the verdicts stood behind the gateway; returns how many cases differ. */
function summary() {
  const rows = new Map();
  for (const { id } of chosen) {
    const section = id.split('.')[0];
    const row = rows.get(section) ?? { section, cases: 0, ok: 0, 'non-strict': 0, informational: 0, differs: 0 };
    const { differs, said } = results.get(id);
    row.cases += 1;
    row[differs ? 'differs' : said.toLowerCase()] += 1;
    rows.set(section, row);
  }
  const columns = ['section', 'cases', 'ok', 'non-strict', 'informational', 'differs'];
  const line = (cells) => cells.map((cell) => String(cell).padStart(14)).join('');
  console.log(line(columns));
  for (const row of rows.values()) console.log(line(columns.map((name) => row[name])));
  const wrong = [...results.values()].filter(({ differs }) => differs).length;
  console.log(`in ${Math.round((performance.now() - start) / 1000)} s`);
  console.log(`${chosen.length - wrong} passed, ${wrong} failed`);
  return wrong;
}

function routes(port) {
  const route = (path, rest = '') => `[[sites.routes]]\npath = "${path}"\nbackend = "127.0.0.1:${port}"\n${rest}`;
  return `${route(LIMITED)}\n${route(UNLIMITED, '[sites.routes.limits]\nmessage_size = "off"\n')}`;
}

function byNumber(a, b) {
  const [x, y] = [a, b].map((id) => id.split('.').map(Number));
  const n = x.findIndex((part, at) => part !== y[at]);
  return n < 0 ? 0 : x[n] - (y[n] ?? 0);
}
