// The folder that both servers serve, and how each is told to. Knows no requests.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** 1994-11-06 08:49:37, so that the ETags are the same in every run. */
const CHANGED = 784111777;
const LONG_TEXT = 'all work and no play makes jack a dull boy\n'.repeat(500);

/** Makes the folder; gives its path. Beside it stands a file that nobody may see. */
export function makeSite(folder) {
  const root = path.join(folder, 'root');
  const files = {
    'index.html': '<h1>home</h1>\n', 'digits.txt': '0123456789', 'empty.txt': '', 'style.css': 'body { color: red }\n', 'app.js': 'alert(1)\n', 'app.mjs': 'export {}\n',
    'data.json': '{"a":1}\n', 'logo.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>\n', 'photo.jpg': '\xff\xd8\xff', 'font.woff2': 'wOF2', 'code.wasm': '\0asm',
    'site.webmanifest': '{}\n', 'feed.xml': '<rss/>\n', LICENSE: 'free\n', 'odd.extension': '?\n', 'with blank.txt': 'blank\n', 'with%percent.txt': 'percent\n',
    '你好.txt': 'ni hao\n', 'long.bin': Buffer.alloc(3_000_000, 'long '), 'sub/index.html': '<h1>sub</h1>\n', 'bare/file.txt': 'bare\n',
    '.env': 'PASSWORD=1\n', '.git/config': '[core]\n', '.well-known/assetlinks.json': '[]\n',
    'spa/index.html': '<h1>app</h1>\n', 'spa/app.js': 'app()\n', 'static/style.css': 'p { margin: 0 }\n', 'static/deep/x.txt': 'x\n',
    'packed/long.txt': LONG_TEXT, 'packed/short.txt': 'short\n', 'packed/photo.jpg': LONG_TEXT, 'packed/ready.css': LONG_TEXT,
    'packed/ready.css.gz': gzipSync('made beforehand\n'),
  };
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content, { encoding: 'latin1' });
    if (name === '你好.txt') writeFileSync(file, content);
    utimesSync(file, CHANGED, CHANGED);
  }
  writeFileSync(path.join(folder, 'secret.txt'), 'secret\n');
  symlinkSync('digits.txt', path.join(root, 'link-inside.txt'));
  symlinkSync('../secret.txt', path.join(root, 'link-outside.txt'));
  execFileSync('mkfifo', [path.join(root, 'fifo')]);
  return root;
}

/** nginx.conf, as a person would write it who serves this folder and takes some care. */
export function nginxConf(root, port, domain, { certificate, privateKey }) {
  return `events {}
http {
  types {
    text/html html; text/css css; text/plain txt; text/xml xml; text/javascript js mjs; application/json json; image/svg+xml svg; image/jpeg jpg;
    font/woff2 woff2; application/wasm wasm; application/manifest+json webmanifest;
  }
  default_type application/octet-stream;
  charset utf-8;
  charset_types text/css text/plain text/xml text/javascript;
  absolute_redirect off;
  server {
    listen 127.0.0.1:${port} ssl;
    server_name ${domain};
    ssl_certificate ${certificate};
    ssl_certificate_key ${privateKey};
    root ${root};
    index index.html;
    location / { try_files $uri $uri/ =404; }
    location /spa/ { try_files $uri $uri/ /spa/index.html; }
    location /assets/ { alias ${root}/static/; expires 1h; }
    location /packed/ {
      gzip on; gzip_static on; gzip_vary on; gzip_min_length 1024;
      gzip_types text/css text/plain text/javascript application/json image/svg+xml;
    }
    location ~ /\\.(?!well-known) { return 404; }
  }
}
`;
}

/** The same for wsgate. */
export function routes(root) {
  const route = (at, folder, more = '') => `[[sites.routes]]\npath = "${at}"\nroot = "${folder}"\n${more}\n`;
  return [
    route('/', root),
    route('/spa', root, 'fallback = "/spa/index.html"'),
    route('/assets', `${root}/static`, 'strip_prefix = true\ncache = "1h"'),
    route('/packed', root, 'compress = true'),
  ].join('\n');
}
