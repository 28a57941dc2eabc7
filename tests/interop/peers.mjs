// The table of real peers: one command that carries every kind of server and client over a real wsgate and
// prints one line for each row: what it proved and how long that took. Exit code 1 when any failed.
//
//   WSGATE_BIN   the program to try, default target/release/wsgate
//   arguments    only the rows whose file or name contains one of them
//
// A row is a module in rows/ that exports
//
//   name       what is behind the gateway, in a few words
//   system     the servers and clients that run, with their versions
//   run(t)     drives them; gives a sentence on what it proved, throws when it is not so
//   limitMs    optional: after this it has failed (default 45 s)
//   lane       optional: 'busy' (the default) rows run one after another; 'patient' ones, which mostly wait
//              and bear a loaded machine, run beside them from the start
//
// Each row is a process of its own. In it game.example.test is this machine and the CA of the gateways is
// trusted, for every client library alike. `t`, from lib/row-tools.mjs, starts gateways and servers and stops
// them when the row has ended:
//
//   t.config(file, ports)     the TOML of configs/file, `127.0.0.1:PORT` replaced by what `ports` has for PORT
//   t.gateway(toml)           a wsgate with these [backends.NAME] and [[sites.routes]]; { port, ca, host, log }.
//                             A row fails when it does not exit with 0 at the end
//   t.server(file, ...args)   a process running servers/file (see lib/served.mjs); { port, ask, kill, restart }
//   t.after(stop)             runs when the row has ended, however it did
//
// Every block of TOML in a `## Behind ...` section of the READMEs is a file in configs/; rows/readme.mjs holds
// them against each other, and wants each file to be used by a row.

import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { keepIdentity } from './lib/gateway.mjs';

const ROWS = fileURLToPath(new URL('./rows/', import.meta.url));
const ROW_PROCESS = fileURLToPath(new URL('./lib/row-process.mjs', import.meta.url));
const DEFAULT_LIMIT_MS = 45_000;
/** A row past its limit is asked to go, and cut this much later. */
const GRACE_MS = 20_000;

const wanted = process.argv.slice(2);
const tally = { passed: 0, failed: 0 };
const identity = keepIdentity();
process.once('exit', identity.forget);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const rows = await chosenRows();
const began = performance.now();
const busy = rows.filter(({ lane }) => lane !== 'patient');
const patient = rows.filter(({ lane }) => lane === 'patient');
await Promise.all([oneByOne(busy), ...patient.map(report)]);
console.log(`the table took ${seconds(began)}`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1);

async function chosenRows() {
  const files = readdirSync(ROWS).filter((file) => file.endsWith('.mjs')).sort();
  const all = await Promise.all(files.map(load));
  return all.filter(({ file, name }) => wanted.length === 0
    || wanted.some((word) => file.includes(word) || name.includes(word)));
}

/** A row that cannot even be read is a row that fails, not the end of the table. */
async function load(file) {
  try {
    const { name, system, limitMs = DEFAULT_LIMIT_MS, lane } = await import(`./rows/${file}`);
    return { file, name, system, limitMs, lane };
  } catch (error) {
    return { file, name: file, system: 'cannot be read', broken: error };
  }
}

async function oneByOne(these) {
  for (const row of these) await report(row);
}

async function report(row) {
  const start = performance.now();
  try {
    if (row.broken) throw row.broken;
    const proved = await runInProcess(row);
    tally.passed += 1;
    console.log(`ok    ${row.name} (${row.system}) ${seconds(start)}: ${proved}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAIL  ${row.name} (${row.system}) ${seconds(start)}: ${oneLine(error?.message ?? error)}`);
  }
}

function runInProcess({ file, limitMs }) {
  return new Promise((resolve, reject) => {
    const child = fork(ROW_PROCESS, [file, identity.folder], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: identity.ca },
    });
    let verdict = { error: 'it ended without a verdict' };
    const timers = [
      setTimeout(() => {
        verdict = { error: `not done within ${limitMs / 1000} s` };
        child.kill('SIGTERM');
      }, limitMs),
      setTimeout(() => child.kill('SIGKILL'), limitMs + GRACE_MS),
    ];
    const stop = () => child.kill('SIGTERM');
    process.once('exit', stop);
    child.on('message', (message) => { verdict = message; });
    child.on('error', reject);
    child.on('exit', () => {
      timers.forEach(clearTimeout);
      process.removeListener('exit', stop);
      if (verdict.error) reject(new Error(verdict.error));
      else resolve(verdict.proved);
    });
  });
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

function oneLine(text) {
  return String(text).replaceAll(/\s*\n\s*/g, ' ').slice(0, 1500);
}
