// 2,000 sockets that talk through 50 reloads: other routes, renewed certificates, files that are broken. Nobody is
// lost, nobody waits, and it stays one process of the same size.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { renewCertificate } from '../lib/certificate.mjs';
import { chatter, open, openCrowd } from '../lib/crowd.mjs';
import { startGateway } from '../lib/gateway.mjs';
import { until } from '../lib/ports.mjs';

export const name = 'reloads';
export const system = 'a ws 8.23.0 echo server, 2,000 talking sockets, 50 reloads';
export const limitMs = 120_000;

const SOCKETS = 2000;
const RELOADS = 50;
/** Between two reloads, so that messages are under way in each. */
const PAUSE_MS = 250;
const LATEST_MS = 1000;
const GROWTH_MOST = 1.1;
const SETTINGS = '[log]\nlevel = "info"\n\n';

export async function run(t) {
  const server = await t.server('echo.mjs', 'one');
  const routes = (more) => `[[sites.routes]]\npath = "/game"\nbackend = "127.0.0.1:${server.port}"\n${more}`;
  // A certificate of its own: it is renewed here.
  const gateway = await startGateway(routes(''), { settings: SETTINGS });
  t.after(() => gateway.stop());
  const [url, options] = [`wss://${gateway.host}:${gateway.port}/game`, { ca: gateway.ca }];
  const sockets = await openCrowd(url, SOCKETS, options);
  t.after(() => sockets.forEach((socket) => socket.terminate()));
  const talk = chatter(sockets, 1000);

  const sizes = [];
  const done = { plain: 0, route: 0, certificate: 0, broken: 0 };
  for (let at = 0; at < RELOADS; at += 1) {
    const kind = at % 10 === 9 ? 'broken' : ['plain', 'route', 'plain', 'certificate', 'plain'][at % 5];
    prepare(kind, at, gateway, routes);
    await reload(gateway, kind === 'broken');
    done[kind] += 1;
    await delay(PAUSE_MS);
    sizes.push(residentKiB(gateway.pid));
  }
  assert.ok(done.broken === 5 && done.route + done.certificate >= 20, JSON.stringify(done));
  const last = await open(url, options);
  last.terminate();
  await until(() => talk.seen.echoed >= talk.seen.sent - SOCKETS, 'the echoes');
  const { sent, closed, latestMs } = talk.stop();
  await until(() => talk.seen.echoed === sent, 'the last echo');
  assert.equal(closed, 0, 'no socket is lost');
  assert.ok(sent > SOCKETS * 5, `only ${sent} messages`);
  assert.ok(latestMs < LATEST_MS, `a message took ${Math.round(latestMs)} ms`);
  assert.deepEqual(processesOf(gateway.config), [gateway.pid], 'it is one process');
  const [early, late] = [Math.max(...sizes.slice(0, 10)), Math.max(...sizes.slice(-10))];
  assert.ok(late < early * GROWTH_MOST, `it grew from ${early} to ${late} KiB`);
  return `${SOCKETS} sockets, ${sent} messages each echoed within ${Math.round(latestMs)} ms through ${done.plain} plain reloads, `
    + `${done.route} of routes, ${done.certificate} of certificates, ${done.broken} refused; ${early} KiB at first, ${late} KiB at last`;
}

function prepare(kind, at, gateway, routes) {
  if (kind === 'broken') return writeFileSync(gateway.config, `[[listeners]]\nadress = "broken ${at}"\n`);
  if (kind === 'certificate') renewCertificate(gateway.folder, gateway.host);
  const more = `[[sites.routes]]\npath = "/other-${at}"\nbackend = "127.0.0.1:9"\n`;
  return gateway.rewrite(routes(kind === 'route' ? more : ''));
}

async function reload({ log, signal }, refused) {
  const word = refused ? 'the reload is refused' : 'INFO reloaded';
  const count = () => log.stderr.split(word).length;
  const before = count();
  signal('SIGHUP');
  await until(() => count() > before, word);
}

function residentKiB(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

function processesOf(config) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const words = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    } catch {
      return []; // gone meanwhile
    }
  };
  return pids.filter((pid) => words(pid)[0].endsWith('wsgate') && words(pid).includes(config)).map(Number);
}
