// Starts and stops the wsgate under test: one process, one configuration file, one temporary folder.
// Knows the command line and the signals, nothing of what is behind the routes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeCertificate } from './certificate.mjs';
import { LOOPBACK, freePort, untilAccepting, within } from './ports.mjs';

export const DOMAIN = 'game.example.test';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SETTINGS = `[gateway.drain]
timeout = "5s"
spread = "500ms"

[log]
level = "warn"

`;
const START_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 15_000;

/** The program under test: `WSGATE_BIN`, or the release build of this checkout. */
export function gatewayBinary() {
  const given = process.env.WSGATE_BIN ?? path.join('target', 'release', 'wsgate');
  const binary = path.resolve(process.env.WSGATE_BIN ? process.cwd() : ROOT, given);
  if (!existsSync(binary)) {
    throw new Error(`${binary} is not there: build it (cargo build --release) or set WSGATE_BIN`);
  }
  return binary;
}

/**
 * Starts the gateway for one site (DOMAIN) with `routes`, the TOML text of its `[[sites.routes]]` and of the
 * `[backends.NAME]` they name. Returns what a client needs (`port`, `ca`, `host`), the log so far, and `stop()`.
 * Without `identity`, from `keepIdentity`, it makes a certificate of its own. `settings` is the TOML text of its
 * `[gateway.drain]` and `[log]`; `rewrite(routes)` writes the file anew, `signal(name)` sends a signal.
 */
export async function startGateway(routes, { identity, settings = SETTINGS } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wsgate-peers-'));
  const forget = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', forget);
  try {
    const own = identity ? readIdentity(identity) : makeCertificate(folder, DOMAIN);
    const port = await freePort();
    const config = path.join(folder, 'gateway.toml');
    const rewrite = (text) => writeFileSync(config, settings + configuration(port, own, text));
    rewrite(routes);
    const child = await launch(config, port);
    const stop = () => child.stop().finally(forget);
    return { ...child, port, ca: own.ca, host: DOMAIN, folder, config, rewrite, stop };
  } catch (error) {
    forget();
    throw error;
  }
}

/** Makes the CA and the certificate that several gateways share; returns their folder. */
export function keepIdentity() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wsgate-identity-'));
  makeCertificate(folder, DOMAIN);
  return { folder, ca: path.join(folder, 'ca.crt'), forget: () => rmSync(folder, { recursive: true, force: true }) };
}

function readIdentity(folder) {
  return {
    ca: readFileSync(path.join(folder, 'ca.crt'), 'utf8'),
    certificate: path.join(folder, 'leaf.crt'),
    privateKey: path.join(folder, 'leaf.key'),
  };
}

function configuration(port, { certificate, privateKey }, routes) {
  return `[admin]
listen = "off"

[[listeners]]
address = "${LOOPBACK}:${port}"
protocol = "https"

[[sites]]
domains = ["${DOMAIN}"]
certificate = "${certificate}"
private_key = "${privateKey}"

${routes}`;
}

async function launch(config, port) {
  const child = spawn(gatewayBinary(), ['run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => { log.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { log.stderr += text; });
  child.on('error', (error) => { log.stderr += `${error}\n`; });
  const closed = once(child, 'close');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    await untilAccepting(port, START_LIMIT_MS, () => {
      if (child.exitCode !== null) throw new Error(`wsgate exited with ${child.exitCode}`);
    });
  } catch (error) {
    kill();
    throw new Error(`${error.message}; it said:\n${log.stdout}${log.stderr}`);
  }
  const signal = (name) => child.kill(name);
  return { log, pid: child.pid, closed, signal, stop: () => stop(child, closed, kill) };
}

/** SIGTERM, then the exit code; a process that does not go in time is killed and reported. */
async function stop(child, closed, kill) {
  child.kill('SIGTERM'); // one that has ended already has its exit code still
  try {
    const [code, signal] = await within(STOP_LIMIT_MS, 'wsgate to stop after SIGTERM', closed);
    return signal ?? code;
  } finally {
    kill();
    process.removeListener('exit', kill);
  }
}
