// Import for its effect: in this process the test domain is this machine, whoever asks, so that client
// libraries can be given the URL that they would be given in real life.

import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const ANSWER = { address: '127.0.0.1', family: 4 };
const ours = (name) => name.endsWith('.example.test');

const lookup = dns.lookup;
dns.lookup = (name, options, done) => {
  const [given, callback] = typeof options === 'function' ? [{}, options] : [options ?? {}, done];
  if (!ours(name)) return lookup(name, given, callback);
  return process.nextTick(() => (given.all ? callback(null, [ANSWER]) : callback(null, ANSWER.address, ANSWER.family)));
};
syncBuiltinESMExports();
