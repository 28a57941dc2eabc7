// A plain static site served by real nginx and by wsgate: the same requests to both over TLS, and status, fields and
// bytes of the answers compared. Every difference has to be one that DIFFERENCES.md lists and explains, and each that is
// listed has to occur. Prints what differs otherwise; exit code 1 when something does. UPDATE_GOLDEN=1 writes the lists
// anew.
//
//   WSGATE_BIN   the program to try, default target/release/wsgate

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { Differences } from '../import/compare/differences.mjs';
import { startNginx } from '../import/compare/servers.mjs';
import { makeCertificate } from '../interop/lib/certificate.mjs';
import { DOMAIN, startGateway } from '../interop/lib/gateway.mjs';
import { freePort } from '../interop/lib/ports.mjs';
import { ask } from './ask.mjs';
import { asks } from './asks.mjs';
import { makeSite, nginxConf, routes } from './site.mjs';

/** What has to be the same. */
const FIELDS = [
  'content-type', 'content-length', 'content-range', 'etag', 'last-modified', 'cache-control', 'content-encoding', 'vary', 'accept-ranges', 'location', 'allow',
];
/** Of an answer whose text is the server's own, not a file's. */
const OF_ITS_OWN = ['content-type', 'content-length'];

const folder = mkdtempSync(path.join(os.tmpdir(), 'wsgate-files-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const known = new Differences(new URL('DIFFERENCES.md', import.meta.url), true);
const tally = { passed: 0, failed: 0 };

const root = makeSite(folder);
const nginx = await nginxOn(root);
const wsgate = await startGateway(routes(root));
let alike = 0;
try {
  for (const it of asks) {
    const found = await compare(it);
    const unknown = known.check('site', found);
    if (found.length === 0) alike += 1;
    tally[unknown.length === 0 ? 'passed' : 'failed'] += 1;
    for (const line of unknown) console.log(`FAIL ${line}`);
  }
} finally {
  await Promise.all([nginx.stop(), wsgate.stop()]);
}
for (const complaint of known.finish()) {
  tally.failed += 1;
  console.log(`FAIL DIFFERENCES.md: ${complaint}`);
}
console.log(`${asks.length} requests: ${alike} answered alike to the byte, the others as explained`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 ? 0 : 1);

async function nginxOn(site) {
  const own = path.join(folder, 'nginx');
  mkdirSync(own);
  const port = await freePort();
  const main = path.join(own, 'nginx.conf');
  writeFileSync(main, nginxConf(site, port, DOMAIN, makeCertificate(own, DOMAIN)));
  return { port, ...await startNginx({ main, ports: new Map([['443', port]]) }) };
}

/** The lines that say how the two answers to a request differ. */
async function compare(request) {
  const [one, other] = await Promise.all([nginx, wsgate].map(({ port }) => answer(port, request)));
  const words = `${request.method} ${request.target}${Object.entries(request.fields).map(([name, value]) => ` ${name}=${value}`).join('')}`;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  // What follows from another status is not told, too.
  const told = one.status === other.status ? keys.filter((key) => one[key] !== other[key]) : ['status'];
  return told.map((key) => `${words}; ${key}: nginx ${one[key] ?? 'none'}, wsgate ${other[key] ?? 'none'}`);
}

/** An answer as a flat record. */
async function answer(port, request) {
  const got = await ask(port, DOMAIN, await filledIn(port, request));
  const record = { status: String(got.status) };
  const isFile = [200, 206, 304].includes(got.status);
  for (const name of FIELDS) {
    if (got.fields[name] !== undefined && (isFile || !OF_ITS_OWN.includes(name))) record[name] = got.fields[name];
  }
  if (!isFile) {
    record.page = (got.fields['content-type'] ?? 'none').split(';')[0];
    return record;
  }
  const unpack = { gzip: gunzipSync, br: brotliDecompressSync }[got.fields['content-encoding']];
  // Compressed on the way: what comes out is the same, what goes over the wire each program's own.
  const onTheWay = got.fields.etag?.startsWith('W/') && unpack && got.body.length > 0;
  const body = onTheWay ? unpack(got.body) : got.body;
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(record['content-type'])?.[1];
  if (boundary === undefined) return { ...record, body: digest(body) };
  // Drawn by lot, and not of the same length.
  const lasting = got.fields['content-length'] === String(body.length) ? 'that of its parts' : 'wrong';
  const parts = Buffer.from(body.toString('latin1').replaceAll(boundary, 'BOUNDARY'), 'latin1');
  return { ...record, 'content-type': 'multipart/byteranges', 'content-length': lasting, body: digest(parts) };
}

/** `etag` and `date` in fields become those of the file. */
async function filledIn(port, request) {
  const values = Object.values(request.fields).join(' ');
  if (!/\betag\b|^date$| date\b/.test(values)) return request;
  const encoding = request.fields['Accept-Encoding'];
  const { fields } = await ask(port, DOMAIN, { method: 'HEAD', target: request.target, fields: encoding ? { 'Accept-Encoding': encoding } : {} });
  const real = (text) => text.replace(/\betag\b/, fields.etag).replace(/^date$/, fields['last-modified']);
  return { ...request, fields: Object.fromEntries(Object.entries(request.fields).map(([name, value]) => [name, real(value)])) };
}

function digest(body) {
  return `${body.length} bytes, sha256 ${createHash('sha256').update(body).digest('hex').slice(0, 12)}`;
}
