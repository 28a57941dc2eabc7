// Runs configurations side by side: the same requests to real nginx and to wsgate on what `import-nginx` made of it,
// and every difference between the answers has to be one that DIFFERENCES.md lists and explains. Prints a line for
// each configuration; exit code 1 when one differs otherwise. UPDATE_GOLDEN=1 writes the lists anew.
//
//   WSGATE_BIN   the program to try, default target/release/wsgate
//   argument     only run the configurations whose name contains it

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeCertificate } from '../../interop/lib/certificate.mjs';
import { gatewayBinary } from '../../interop/lib/gateway.mjs';
import { startBackend } from './backend.mjs';
import { cases } from './cases.mjs';
import { send } from './client.mjs';
import { Differences } from './differences.mjs';
import { lay, startNginx, startWsgate } from './servers.mjs';

const CORPUS = fileURLToPath(new URL('../', import.meta.url));
/** Fields that differ from hop to hop by their nature. */
const OF_THE_HOP = ['connection', 'sec-websocket-key', 'content-length', 'transfer-encoding'];

/** Fields of answers that the configurations add. */
const ADDED = ['x-frame-options', 'x-own', 'strict-transport-security', 'access-control-allow-origin', 'referrer-policy'];

/** What `forwarded` adds for every request of a route. */
const FORWARDED = /^header (forwarded|x-forwarded-\w+|x-real-ip)$/;

const only = process.argv[2] ?? '';
const folder = mkdtempSync(path.join(os.tmpdir(), 'wsgate-beside-nginx-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const tally = { passed: 0, failed: 0 };
const identity = makeCertificate(folder, 'wsgate.example.test');
const known = new Differences(new URL('DIFFERENCES.md', import.meta.url), only === '');

for (const it of cases.filter(({ name }) => name.includes(only))) {
  try {
    const { asked, alike, found } = await sideBySide(it);
    const unknown = known.check(it.name, found);
    if (unknown.length > 0) throw new Error(`not in DIFFERENCES.md:\n  ${unknown.join('\n  ')}`);
    tally.passed += 1;
    console.log(`ok  ${it.name}: ${asked} requests, ${alike} answered alike (but for forwarding fields), the others as explained`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAIL ${it.name}: ${error.message}`);
  }
}
for (const complaint of known.finish()) {
  tally.failed += 1;
  console.log(`FAIL DIFFERENCES.md: ${complaint}`);
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 ? 0 : 1);

async function sideBySide(it) {
  const backends = await Promise.all(it.backends.map(startBackend));
  const running = [...backends];
  try {
    const source = existsSync(path.join(CORPUS, it.name)) ? path.join(CORPUS, it.name) : path.join(CORPUS, `${it.name}.conf`);
    const use = { ...identity, backends, site: it.files && site(path.join(folder, it.name, 'site'), it.files) };
    const nginx = await startNginx(await lay(source, path.join(folder, it.name, 'nginx'), use));
    running.push(nginx);
    const wsgate = await startWsgate(gatewayBinary(), await lay(source, path.join(folder, it.name, 'wsgate'), use), identity);
    running.push(wsgate);
    const found = [];
    const asks = everything(it, nginx.ports);
    let alike = 0;
    for (const ask of asks) {
      const lines = await compare(ask, it, nginx, wsgate, backends);
      if (lines.every((line) => line.endsWith('is sent, too'))) alike += 1;
      found.push(...lines);
    }
    return { asked: asks.length, alike, found: [...new Set(found)] };
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

/** A folder with these files. */
function site(root, files) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), content);
  }
  return root;
}

/** What every configuration is asked, and what this one is. */
function everything(it, ports) {
  const tls = !it.plain;
  const asks = it.paths.flatMap((at) => [{ tls, path: at }, { tls, path: at, websocket: true }]);
  asks.push(
    { tls, path: it.paths[0], host: 'elsewhere.invalid' },
    { tls, path: it.paths[0], host: it.host.toUpperCase() },
    { tls, path: '/nowhere/at/all?really=1' },
    { tls, path: it.paths[0], method: 'POST', length: 1000 },
    { tls, path: it.paths[0], method: 'POST', length: 1024 * 1024 + 1 },
    { tls, path: it.paths[0], method: 'DELETE', headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Real-IP': '192.0.2.2', 'X-Custom': 'kept', Cookie: 'a=1' } },
    { tls, path: it.paths[0], websocket: true, headers: { Origin: 'https://elsewhere.example' } },
  );
  asks.push(...(it.asks ?? []).map((ask) => ({ tls: tls && !ask.plain, ...ask })));
  if (tls && ports.has('80')) asks.push({ tls: false, path: it.paths[0] }, { tls: false, path: '/x?y=z', method: 'POST', length: 10 });
  return asks.map((ask) => ({ host: it.host, ...ask }));
}

/** The lines that say how two answers differ. */
async function compare(ask, it, nginx, wsgate, backends) {
  const port = ({ ports }) => ports.get(ask.tls ? '443' : '80');
  const [one, other] = await Promise.all([nginx, wsgate].map(async (server) => fields(await send(port(server), ask), server, backends, it.pool)));
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  const differing = keys.filter((key) => one[key] !== other[key]);
  // Whoever was refused saw no backend: that follows from the status.
  const told = differing.includes('status') ? differing.filter((key) => key === 'status' || key === 'location') : differing;
  return told.map((key) => FORWARDED.test(key) && one[key] === undefined ? `${it.name}: ${key.slice('header '.length)} is sent, too` : `${it.name}: ${words(ask, it)}; ${key}: nginx ${one[key] ?? 'none'}, wsgate ${other[key] ?? 'none'}`);
}

function words(ask, it) {
  const host = ask.host === it.host ? '' : ` of ${ask.host}`;
  const headers = Object.entries(ask.headers ?? {}).map(([name, value]) => ` ${name}=${value}`).join('');
  const body = ask.length ? ` with ${ask.length} bytes` : '';
  const scheme = ask.tls ? '' : ' over http';
  return `${ask.websocket ? 'WebSocket' : ask.method ?? 'GET'} ${ask.path}${host}${body}${scheme}${headers}`;
}

/** An answer as a flat record, with ports and ids of this run replaced by what they stand for. */
function fields(answer, server, backends, pool = []) {
  const plain = (text) => {
    let result = String(text);
    for (const { label, port } of backends) result = result.replaceAll(`127.0.0.1:${port}`, label);
    for (const [meant, port] of server.ports) result = result.replaceAll(String(port), meant);
    return result.replaceAll(/\b[0-9a-f]{16,32}\b/g, 'ID');
  };
  const record = { status: plain(answer.status) };
  if (answer.location) record.location = plain(answer.location);
  if (answer.subprotocol) record.subprotocol = answer.subprotocol;
  for (const name of ADDED) if (answer.fields?.[name]) record[`answer's ${name}`] = plain(answer.fields[name]);
  if (answer.own) Object.assign(record, { type: answer.own.type, 'answer length': answer.own.length, text: plain(answer.own.text) });
  if (!answer.seen) return record;
  const { backend, method, url, length, headers } = answer.seen;
  Object.assign(record, { backend: pool.includes(backend) ? `one of ${pool.join(', ')}` : backend, request: `${method} ${url}`, ...(length === undefined ? {} : { length: String(length) }) });
  for (const [name, value] of Object.entries(headers)) {
    if (!OF_THE_HOP.includes(name)) record[`header ${name}`] = plain(value);
  }
  return record;
}
