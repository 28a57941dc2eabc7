// Server processes that a row can kill and start again on the same port. The other end is lib/served.mjs.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { within } from './ports.mjs';

const SERVERS = fileURLToPath(new URL('../servers/', import.meta.url));
const START_LIMIT_MS = 15_000;
const ANSWER_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 5_000;

/** Runs servers/`file` with `args` until it says that it listens. */
export async function startServer(file, args) {
  const server = new ServerProcess(file, args);
  await server.start();
  return server;
}

class ServerProcess {
  #file;
  #args;
  #child = null;
  #exited = null;
  #kill = () => this.#child?.kill('SIGKILL');

  constructor(file, args) {
    this.#file = file;
    this.#args = args.map(String);
    this.port = 0;
    process.once('exit', this.#kill);
  }

  async start() {
    this.#child = fork(`${SERVERS}${this.#file}`, [String(this.port), ...this.#args], { env: serverEnvironment() });
    this.#exited = once(this.#child, 'exit');
    const early = this.#exited.then(([code]) => { throw new Error(`servers/${this.#file} exited with ${code}`); });
    const [{ port }] = await within(START_LIMIT_MS, `servers/${this.#file}`,
      Promise.race([once(this.#child, 'message'), early]));
    early.catch(() => {}); // its end is waited for elsewhere
    this.port = port;
  }

  /** Asks the process something; what it understands is its own affair. */
  async ask(question) {
    const answer = once(this.#child, 'message');
    this.#child.send(question);
    const [{ answer: given }] = await within(ANSWER_LIMIT_MS, `servers/${this.#file}: ${question}`, answer);
    return given;
  }

  /** SIGKILL: no Close frame, no answer, whatever the kernel makes of it. */
  async kill() {
    this.#kill();
    await within(STOP_LIMIT_MS, `servers/${this.#file} to die`, this.#exited);
  }

  /** The same program on the same port. */
  async restart() {
    await this.kill();
    await this.start();
  }

  async stop() {
    process.removeListener('exit', this.#kill);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}

/** A server needs none of the client's trust. */
function serverEnvironment() {
  const { NODE_EXTRA_CA_CERTS, ...rest } = process.env;
  return rest;
}
