// More sockets to one loopback server than one address has source ports. Linux gives out 28,232 of them; here it
// is a network of its own with 100, so that 350 sockets need what 98,000 would need elsewhere.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const name = 'source ports';
export const system = 'ws 8.23.0 on one loopback address, a network with 100 source ports';

const INSIDE = fileURLToPath(new URL('../lib/few-ports.mjs', import.meta.url));
const SOCKETS = 350;

export async function run(t) {
  // Without root, the network belongs to a user namespace in which we are.
  const own = process.getuid() === 0 ? ['--net'] : ['--map-root-user', '--net'];
  const child = spawn('unshare', [...own, process.execPath, INSIDE, String(SOCKETS)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `${err}${out}`.slice(-1000));
  const { echoed, refused, sources, ports } = JSON.parse(out);
  assert.equal(refused, 0, 'every socket reached the server');
  assert.equal(echoed, SOCKETS, 'every socket was alive at the same time');
  assert.equal(ports, 100, 'the network was as small as it should be');
  const addresses = Object.keys(sources);
  assert.ok(addresses.includes('127.0.0.1'), 'the first leave from the usual address');
  assert.ok(addresses.length >= SOCKETS / ports, `${addresses}`);
  assert.ok(Object.values(sources).every((count) => count <= ports), JSON.stringify(sources));
  return `${SOCKETS} sockets alive at once over ${ports} ports, from ${addresses.length} addresses: ${addresses.sort().join(', ')}`;
}
