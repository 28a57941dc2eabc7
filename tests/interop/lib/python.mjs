// The Python side of the rows: a virtual environment with exactly the packages of a requirements file,
// each checked against its hash, and the programs of `python/` run in it.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { cached } from './cache.mjs';
import { freePort } from './ports.mjs';
import { run, serve } from './process.mjs';

const PROGRAMS = fileURLToPath(new URL('../python/', import.meta.url));
const REQUIREMENTS = new URL('../python/requirements.txt', import.meta.url);
const VENV_LIMIT_MS = 120_000;
const INSTALL_LIMIT_MS = 300_000;

/** The interpreter of an environment that has what `python/requirements.txt` pins. */
export async function pythonPeers() {
  const folder = await cached('python', [REQUIREMENTS, await version()], async (target) => {
    const pip = await emptyEnvironment(target);
    await run('fetching the Python packages', pip, [
      ...PIP, 'install', '--quiet', ...CHECKED, '-r', fileURLToPath(REQUIREMENTS),
    ], { limitMs: INSTALL_LIMIT_MS });
  });
  return path.join(folder, 'bin', 'python');
}

/** Fetches one wheel, pinned by a requirements file, without installing it; for any version of Python. */
export async function fetchWheel(requirements, target) {
  const tools = await cached('pip', [await version()], emptyEnvironment);
  await run('fetching a Python wheel', path.join(tools, 'bin', 'python'), [
    ...PIP, 'download', '--quiet', ...CHECKED, '--python-version', '3.10', '--platform', 'manylinux2014_x86_64',
    '--dest', target, '-r', fileURLToPath(requirements),
  ], { limitMs: INSTALL_LIMIT_MS });
}

/** A server program of `python/` on a free port, which is its first argument. */
export async function startPython(python, program, ...args) {
  const port = await freePort();
  return serve(program, port, python, ['-u', path.join(PROGRAMS, program), String(port), ...args]);
}

/** A client program of `python/`, run to its end. */
export function runPython(python, program, args, limitMs) {
  return run(program, python, ['-u', path.join(PROGRAMS, program), ...args], { limitMs });
}

/** The interpreter's path is not part of the environment's scripts that are used here: it may be moved. */
async function emptyEnvironment(target) {
  await run('making a Python environment (python3 with venv)', 'python3', ['-m', 'venv', target],
    { limitMs: VENV_LIMIT_MS });
  return path.join(target, 'bin', 'python');
}

function version() {
  return run('looking for python3', 'python3', ['-c', 'import sys; print(sys.version, sys.executable)'],
    { limitMs: 10_000 });
}

const PIP = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];
const CHECKED = ['--require-hashes', '--no-deps', '--only-binary', ':all:'];
