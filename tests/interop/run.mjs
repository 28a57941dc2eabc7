// Carries real servers and real clients over a real wsgate, in the shape of the Tencent demo: one domain,
// one prefix for each server. Prints a line for each case; exit code 1 when any failed.
//
//   WSGATE_BIN   the program to try, default target/release/wsgate
//   argument     only run the cases whose name contains it

import { cases as frames } from './cases/frames.mjs';
import { cases as plain } from './cases/http.mjs';
import { cases as refusals } from './cases/refusals.mjs';
import { cases as socketio } from './cases/socketio.mjs';
import { cases as websocket } from './cases/websocket.mjs';
import { Client } from './lib/client.mjs';
import { startFrameServer } from './lib/frame-server.mjs';
import { startGateway } from './lib/gateway.mjs';
import { freePort, within } from './lib/ports.mjs';
import { startSessionServer } from './lib/session-server.mjs';
import { startSocketIoServer } from './lib/socketio-server.mjs';
import { startWebSocketServer } from './lib/websocket-server.mjs';

const CASE_LIMIT_MS = 30_000;

const only = process.argv[2] ?? '';
const tally = { passed: 0, failed: 0 };

const peers = {
  game: await startSocketIoServer(),
  session: await startSessionServer(),
  echo: await startWebSocketServer(),
  frames: await startFrameServer(),
};
try {
  await runAll();
} finally {
  Object.values(peers).forEach((peer) => peer.stop());
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 ? 0 : 1);

async function runAll() {
  const gateway = await startGateway(routes(await freePort()));
  const client = new Client(gateway);
  const chosen = [...socketio, ...websocket, ...frames, ...plain, ...refusals].filter(([name]) => name.includes(only));
  try {
    for (const [name, run] of chosen) await report(name, () => run({ client, ...peers }));
  } finally {
    await report('gateway: it exits with 0 on SIGTERM', async () => {
      const code = await gateway.stop();
      if (code !== 0) throw new Error(`it exited with ${code}`);
    });
  }
  await report('gateway: one access line for each request and each socket', () => checkLog(gateway.log, client.asked));
  if (tally.failed > 0 && gateway.log.stderr) console.log(`the gateway said:\n${gateway.log.stderr.slice(-4000)}`);
}

async function report(name, run) {
  const start = performance.now();
  try {
    await within(CASE_LIMIT_MS, 'the case', Promise.resolve(run()));
    tally.passed += 1;
    console.log(`ok  ${name} (${Math.round(performance.now() - start)} ms)`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAIL ${name}: ${String(error?.message ?? error).replaceAll(/\s*\n\s*/g, ' ')}`);
  }
}

/** Counts the lines on standard output that hold each asked path; how they look is not of interest here. */
function checkLog({ stdout }, asked) {
  const lines = stdout.split('\n');
  const wrong = [...asked].flatMap(([path, times]) => {
    const whole = new RegExp(`(?<![\\w/.-])${path.replaceAll(/[.]/g, '\\.')}(?![\\w/.-])`);
    const found = lines.filter((line) => whole.test(line)).length;
    return found === times ? [] : [`${path}: ${found} lines for ${times}`];
  });
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

function routes(deadPort) {
  const route = (path, port, rest = '') => `[[sites.routes]]
path = "${path}"
backend = "127.0.0.1:${port}"
${rest}`;
  return [
    route('/applet/websocket', peers.game.port),
    route('/applet/session', peers.session.port),
    route('/small', peers.session.port, '[sites.routes.limits]\nrequest_body = "10KiB"\n'),
    route('/echo', peers.echo.port),
    route('/frames', peers.frames.port, 'upgrade = "only"\n'),
    route('/guarded', peers.echo.port, '[sites.routes.clients]\norigins = ["https://game.example.test"]\n'),
    route('/dead', deadPort),
  ].join('\n');
}
