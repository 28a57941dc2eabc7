// Runs one nginx configuration twice on loopback: as nginx itself, and as what `wsgate import-nginx` makes of it.
// Ports, certificates, backends, folders and logs are replaced in the text of the configuration; nothing else is.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';

import { freePort, untilAccepting, within } from '../../interop/lib/ports.mjs';

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 15_000;

/** The ports on which a text listens, as written. */
export function portsOf(text) {
  return [...new Set([...text.matchAll(LISTEN)].map(([, , port]) => port ?? '80'))];
}

/** `listen`, an address and a port; then its options. */
const LISTEN = /\blisten\s+((?:\*|localhost|[\d.]+|\[[^\]]*\]):)?(\d+)?((?:\s+[\w.=:]+)*)\s*;/g;

/** Copies the configuration of `source` into `folder`, with everything replaced that belongs to a machine. */
export async function lay(source, folder, { certificate, privateKey, backends, site }) {
  const main = path.join(folder, 'nginx.conf');
  mkdirSync(folder, { recursive: true });
  cpSync(source, statSync(source).isDirectory() ? folder : main, { recursive: true });
  const files = filesBelow(folder);
  const whole = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const ports = new Map();
  for (const port of portsOf(whole)) ports.set(port, await freePort());
  for (const file of files) {
    let text = readFileSync(file, 'utf8');
    text = replaceListens(text, ports, whole);
    text = text.replaceAll(/\bssl_certificate\s+[^;]+;/g, `ssl_certificate ${certificate};`);
    text = text.replaceAll(/\bssl_certificate_key\s+[^;]+;/g, `ssl_certificate_key ${privateKey};`);
    text = text.replaceAll(/^\s*(user|pid|error_log|access_log|worker_processes|worker_rlimit_nofile|daemon|ssl_dhparam|ssl_stapling\w*|include\s+\/etc\/letsencrypt\S+)\b[^;]*;/gm, '');
    if (site) text = text.replaceAll(/\broot\s+[^;]+;/g, `root ${site};`);
    for (const { label, port } of backends) text = replaceBackend(text, label, `127.0.0.1:${port}`);
    writeFileSync(file, text);
  }
  if (!/^\s*http\s*\{/m.test(readFileSync(main, 'utf8'))) {
    writeFileSync(main, `events {}\nhttp {\n${readFileSync(main, 'utf8')}\n}\n`);
  }
  return { main, ports };
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true }).map((it) => path.join(folder, it)).filter((it) => statSync(it).isFile());
}

/** Each port gets a free one on 127.0.0.1; IPv6 goes where there is IPv4 for the same port. */
function replaceListens(text, ports, whole) {
  const v4 = (port) => [...whole.matchAll(LISTEN)].some(([, address, other]) => (other ?? '80') === port && !address?.startsWith('['));
  return text.replaceAll(LISTEN, (_, address, port = '80', options) => {
    if (address?.startsWith('[') && v4(port)) return '';
    return `listen 127.0.0.1:${ports.get(port)}${options.replace(/\s+ipv6only=\w+/, '')};`;
  });
}

function replaceBackend(text, label, address) {
  const escaped = label.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replaceAll(new RegExp(`(server\\s+|https?://)${escaped}(?![\\w.:])`, 'g'), `$1${address}`);
}

/** Starts nginx in the foreground on the configuration at `main`. */
export async function startNginx({ main, ports }) {
  const folder = path.dirname(main);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((it) => `${it}_temp_path ${folder}/${it};`);
  const text = readFileSync(main, 'utf8').replace(/^\s*http\s*\{/m, (it) => `${it} ${temporary.join(' ')} access_log off;`);
  writeFileSync(main, text);
  const user = process.getuid() === 0 ? 'user root; ' : '';
  const globals = `daemon off; master_process off; ${user}pid ${folder}/nginx.pid; error_log ${folder}/error.log;`;
  return start('nginx', ['-p', folder, '-c', main, '-e', `${folder}/error.log`, '-g', globals], ports, path.join(folder, 'error.log'));
}

/** Imports the configuration at `main` and starts wsgate on what comes out. */
export async function startWsgate(binary, { main, ports }, identity) {
  const toml = execFileSync(binary, ['import-nginx', main], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const config = path.join(path.dirname(main), 'gateway.toml');
  // Where nginx had no certificate the file names one that somebody has to put there.
  for (const [, key, file] of toml.matchAll(/^(certificate|private_key) = "(certs\/[^"]+)"$/gm)) {
    mkdirSync(path.join(path.dirname(config), 'certs'), { recursive: true });
    cpSync(key === 'certificate' ? identity.certificate : identity.privateKey, path.join(path.dirname(config), file));
  }
  writeFileSync(config, `${toml}\n[admin]\nlisten = "off"\n\n[gateway.drain]\ntimeout = "2s"\nspread = "0s"\n`);
  return start(binary, ['run', '--config', config], ports);
}

async function start(command, args, ports, log) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
  child.on('error', (error) => { said += error; });
  const closed = once(child, 'close').catch(() => {});
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    for (const port of ports.values()) {
      await untilAccepting(port, START_LIMIT_MS, () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      });
    }
  } catch (error) {
    kill();
    throw new Error(`${command}: ${error.message}; it said: ${said.slice(-1500)}${log ? readFileSync(log, 'utf8').slice(-1500) : ''}`);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await within(STOP_LIMIT_MS, `${command} to stop`, closed).catch(() => {});
    kill();
    process.removeListener('exit', kill);
  };
  return { ports, stop };
}
