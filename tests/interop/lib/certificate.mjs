// A throwaway certificate authority and a server certificate signed by it, made with the openssl
// command line in a folder that the caller removes. Nothing made here is ever committed.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a CA and a certificate for `domain` inside `folder`, good for `days`.
 * Returns the CA as PEM and the paths of the chain (leaf first) and of the leaf's key.
 */
export function makeCertificate(folder, domain, days = DAYS) {
  const file = (name) => path.join(folder, name);
  selfSigned(file('ca.key'), file('ca.crt'));
  renewCertificate(folder, domain, days);
  return {
    ca: readFileSync(file('ca.crt'), 'utf8'),
    certificate: file('leaf.crt'),
    privateKey: file('leaf.key'),
  };
}

/** Makes the certificate in `folder` anew, with another key and signed by the same CA. */
export function renewCertificate(folder, domain, days = DAYS) {
  const file = (name) => path.join(folder, name);
  openssl('req', '-new', '-nodes', ...EC_KEY, '-keyout', file('leaf.key'), '-out', file('leaf.csr'),
    '-subj', `/CN=${domain}`);
  writeFileSync(file('leaf.ext'), [
    `subjectAltName=DNS:${domain}`,
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
    'authorityKeyIdentifier=keyid',
  ].join('\n'));
  openssl('x509', '-req', '-in', file('leaf.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'),
    '-CAcreateserial', '-days', String(days), '-sha256', '-extfile', file('leaf.ext'), '-out', file('leaf.crt'));
}

const DAYS = 30;
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

function selfSigned(key, certificate) {
  openssl('req', '-x509', '-nodes', ...EC_KEY, '-keyout', key, '-out', certificate, '-days', String(DAYS), '-sha256',
    '-subj', '/CN=wsgate interop test CA',
    '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
}

function openssl(...args) {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
