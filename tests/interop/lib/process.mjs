// Other programs as children of the tests: run to their end, or kept as servers until they are stopped.
// Every wait is bounded, and nothing outlives the tests. Knows nothing of what the programs do.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { untilAccepting, within } from './ports.mjs';

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;
/** Characters of its output that are kept of a program, and that a failure shows. */
const KEPT = 200_000;
const SHOWN = 800;

/** Runs a program to its end and gives what it printed; says what was attempted when it fails. */
export async function run(what, command, args, { limitMs, cwd, env } = {}) {
  const child = start(command, args, { cwd, env });
  try {
    const [code, signal] = await within(limitMs, `${what} (${command})`, child.closed);
    if (code !== 0) throw new Error(`${what} failed: ${child.failure() ?? `${command} ended with ${code ?? signal}`}`);
    return child.output();
  } catch (error) {
    throw new Error(`${error.message}; it said: ${child.output().slice(-SHOWN).trim() || 'nothing'}`);
  } finally {
    child.kill();
  }
}

/** Starts a server program and waits until it accepts on `port`. `output()` is what it said so far. */
export async function serve(what, port, command, args, { cwd, env } = {}) {
  const child = start(command, args, { cwd, env });
  try {
    await untilAccepting(port, START_LIMIT_MS, () => {
      if (child.ended()) throw new Error(`it ended: ${child.failure() ?? 'too early'}`);
    });
  } catch (error) {
    child.kill();
    throw new Error(`${what} did not start: ${error.message}; it said: ${child.output().slice(-SHOWN).trim()}`);
  }
  return { port, pid: child.pid, output: child.output, stop: () => stop(child) };
}

async function stop(child) {
  child.terminate();
  await within(STOP_LIMIT_MS, 'a server to stop', child.closed).catch(() => {});
  child.kill();
}

function start(command, args, { cwd, env }) {
  const program = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let failure = null;
  const keep = (text) => { output = (output + text).slice(-KEPT); };
  program.stdout.setEncoding('utf8').on('data', keep);
  program.stderr.setEncoding('utf8').on('data', keep);
  program.on('error', (error) => { failure = error.message; });
  const kill = () => program.kill('SIGKILL');
  process.once('exit', kill);
  const closed = once(program, 'close').catch(() => [null, null]).finally(() => process.removeListener('exit', kill));
  return {
    pid: program.pid,
    closed,
    kill,
    terminate: () => program.kill('SIGTERM'),
    output: () => output,
    failure: () => failure,
    ended: () => failure !== null || program.exitCode !== null || program.signalCode !== null,
  };
}
