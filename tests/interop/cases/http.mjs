// Plain HTTP on the same domain: a session service behind `/applet/session`.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import https from 'node:https';

export const cases = [
  ['http: a login carries its body in and its cookies out', async ({ client }) => {
    const answer = await client.request('/applet/session/login', {
      method: 'POST', body: JSON.stringify({ code: '0815' }), headers: { 'Content-Type': 'application/json' },
    });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.headers['set-cookie'], ['sid=0815; Path=/; HttpOnly', 'build=7; Path=/applet']);
    assert.equal(JSON.parse(answer.body).code, 0);
  }],

  ['http: a body of 1 MB is sent and returned unchanged', async ({ client }) => {
    const body = randomBytes(1_000_000);
    const answer = await client.request('/applet/session/mirror/length', {
      method: 'POST', body, headers: { 'Content-Length': body.length },
    });
    assert.equal(answer.headers['x-body-hash'], createHash('sha256').update(body).digest('hex'));
    assert.ok(answer.body.equals(body));
  }],

  ['http: a chunked request body arrives whole', async ({ client }) => {
    const body = randomBytes(300_000);
    const answer = await client.request('/applet/session/mirror/chunked', {
      method: 'POST', body, headers: { 'Transfer-Encoding': 'chunked' },
    });
    assert.ok(answer.body.equals(body));
  }],

  ['http: a body over request_body is answered with 413', async ({ client }) => {
    const answer = await client.request('/small/mirror', {
      method: 'POST', body: Buffer.alloc(20_000), headers: { 'Content-Length': 20_000 },
    });
    assert.equal(answer.status, 413);
  }],

  ['http: a chunked answer is passed on', async ({ client }) => {
    const answer = await client.request('/applet/session/chunks');
    assert.equal(answer.headers['content-length'], undefined);
    assert.equal(answer.body.toString(), 'first second third');
  }],

  ['http: server-sent events arrive one by one', async ({ client, session }) => {
    const { request, response } = await client.start('/applet/session/events');
    assert.equal(response.headers['content-type'], 'text/event-stream');
    const events = response[Symbol.asyncIterator]();
    for (const data of ['one', 'two', 'three']) {
      await session.emit(data);
      const { value } = await events.next();
      assert.equal(value.toString(), `data: ${data}\n\n`);
    }
    request.destroy();
  }],

  ['http: the service sees the domain, the client and the scheme', async ({ client }) => {
    const seen = await head(client, '/applet/session/head/forwarded?a=1&b=%2F', { 'X-Custom': 'kept' });
    assert.deepEqual(seen.get('host'), [client.host]);
    assert.deepEqual(seen.get('x-real-ip'), ['127.0.0.1']);
    assert.deepEqual(seen.get('x-forwarded-for'), ['127.0.0.1']);
    assert.deepEqual(seen.get('x-forwarded-proto'), ['https']);
    assert.match(seen.get('x-forwarded-host')?.[0] ?? 'nothing', /^game\.example\.test(:\d+)?$/);
    assert.deepEqual(seen.get('x-custom'), ['kept']);
    assert.equal(seen.url, '/applet/session/head/forwarded?a=1&b=%2F');
  }],

  ['http: what a client claims to forward is not believed', async ({ client }) => {
    const seen = await head(client, '/applet/session/head/forged', {
      'X-Forwarded-For': '203.0.113.9', 'X-Real-IP': '203.0.113.9', 'X-Forwarded-Proto': 'http',
      'X-Forwarded-Host': 'evil.example', Forwarded: 'for=203.0.113.9',
    });
    const all = JSON.stringify([...seen]);
    assert.ok(!all.includes('203.0.113.9') && !all.includes('evil.example'), all);
  }],

  ['http: a plain request is not dressed up as an upgrade', async ({ client }) => {
    const seen = await head(client, '/applet/session/head/plain', { Connection: 'keep-alive, X-Hop', 'X-Hop': 'mine' });
    assert.equal(seen.get('upgrade'), undefined);
    assert.doesNotMatch((seen.get('connection') ?? []).join(), /upgrade/i);
    assert.equal(seen.get('x-hop'), undefined, 'a field named by Connection ends at the gateway');
  }],

  ['http: 20 requests share one TLS connection', async ({ client }) => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set();
    for (let round = 0; round < 20; round += 1) {
      const answer = await client.request('/applet/session/head/again', { agent });
      assert.equal(answer.status, 200);
      assert.equal(answer.reused, round > 0);
      ports.add(answer.socket.localPort);
    }
    agent.destroy();
    assert.equal(ports.size, 1);
  }],

  ['http: the service\'s own error goes through with its body', async ({ client }) => {
    const answer = await client.request('/applet/session/teapot');
    assert.equal(answer.status, 418);
    assert.equal(answer.headers['x-reason'], 'short and stout');
    assert.equal(answer.body.toString(), 'no coffee');
  }],

  ['http: HEAD is answered without a body', async ({ client }) => {
    const answer = await client.request('/applet/session/head/only', { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
  }],
];

/** The request's fields as the service saw them: lower-cased name to every value; `url` beside. */
async function head(client, path, headers) {
  const answer = await client.request(path, { headers });
  assert.equal(answer.status, 200);
  const { url, fields } = JSON.parse(answer.body);
  const seen = new Map();
  for (let n = 0; n < fields.length; n += 2) {
    const name = fields[n].toLowerCase();
    seen.set(name, [...seen.get(name) ?? [], fields[n + 1]]);
  }
  return Object.assign(seen, { url });
}
