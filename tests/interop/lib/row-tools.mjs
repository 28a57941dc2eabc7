// What a row of the table is given: gateways, server processes, configuration files, and an orderly end.
// Knows nothing of any particular row.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { startGateway } from './gateway.mjs';
import { startServer } from './server-process.mjs';

const CONFIGS = fileURLToPath(new URL('../configs/', import.meta.url));

export class Tools {
  #identity;
  #gateways = [];
  #stops = [];

  constructor(identity) {
    this.#identity = identity;
  }

  /** A file of configs/ with each `127.0.0.1:PORT` of real life replaced by the port that listens in the test. */
  config(file, ports) {
    const unused = new Set(Object.keys(ports));
    const text = readFileSync(`${CONFIGS}${file}`, 'utf8').replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port) => {
      if (!(port in ports)) throw new Error(`configs/${file}: nothing is given for port ${port}`);
      unused.delete(port);
      return `127.0.0.1:${ports[port]}`;
    });
    if (unused.size > 0) throw new Error(`configs/${file}: no server at port ${[...unused]}`);
    return text;
  }

  /** A wsgate with these routes and backends; it must exit with 0 when the row is over. */
  async gateway(toml, settings) {
    const gateway = await startGateway(toml, { identity: this.#identity, settings });
    this.#gateways.push(gateway);
    this.after(async () => {
      const code = await gateway.stop();
      if (code !== 0) throw new Error(`wsgate exited with ${code}: ${gateway.log.stderr.slice(-500)}`);
    });
    return gateway;
  }

  /** A process that runs servers/`file`. */
  async server(file, ...args) {
    const server = await startServer(file, args);
    this.after(() => server.stop());
    return server;
  }

  after(stop) {
    this.#stops.push(stop);
  }

  /** Stops everything, the last started first; throws the first of the errors. */
  async stopAll() {
    const errors = [];
    for (const stop of this.#stops.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** The last words of the gateways, for a row that failed. */
  logs() {
    return this.#gateways.map(({ log }) => log.stderr.slice(-600)).filter(Boolean).join(' | ');
  }
}
