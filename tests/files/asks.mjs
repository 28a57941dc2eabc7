// What is asked of both servers. A request is a method, a target as it stands in the request line, and fields; `etag`
// and `date` in a field stand for the validators of the file at that target, as the server itself gave them.

const get = (target, fields = {}) => ({ method: 'GET', target, fields });
const head = (target, fields = {}) => ({ method: 'HEAD', target, fields });
const gzip = { 'Accept-Encoding': 'gzip' };

const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';

/** Plain files and folders. */
const plain = [
  '/', '/index.html', '/digits.txt', '/empty.txt', '/style.css', '/app.js', '/app.mjs', '/data.json', '/logo.svg', '/photo.jpg', '/font.woff2',
  '/code.wasm', '/site.webmanifest', '/feed.xml', '/LICENSE', '/odd.extension', '/with%20blank.txt', '/with%25percent.txt',
  '/%E4%BD%A0%E5%A5%BD.txt', '/long.bin', '/sub/', '/sub', '/sub?a=b&c', '/bare/', '/bare', '/nothing', '/nothing/', '/digits.txt/', '/digits.txt?v=7',
].map((it) => get(it));

const heads = ['/', '/digits.txt', '/empty.txt', '/sub', '/nothing', '/long.bin'].map((it) => head(it));

const ranges = [
  'bytes=0-0', 'bytes=0-4', 'bytes=3-', 'bytes=-3', 'bytes=-100', 'bytes=5-100', 'bytes=9-9', 'bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=5-2',
  'bytes=a-b', 'bytes=', 'lines=0-1', 'BYTES=1-2', 'bytes=0-0,5-6', 'bytes=0-0, -1', 'bytes=0-1,50-60', 'bytes=0-9,0-9', 'bytes= 1 - 2',
].map((it) => get('/digits.txt', { Range: it }));

const conditions = [
  { 'If-None-Match': 'etag' }, { 'If-None-Match': 'W/etag' }, { 'If-None-Match': '"a", etag' }, { 'If-None-Match': '"other"' }, { 'If-None-Match': '*' },
  { 'If-Modified-Since': 'date' }, { 'If-Modified-Since': BEFORE }, { 'If-Modified-Since': AFTER }, { 'If-Modified-Since': 'yesterday' },
  { 'If-Match': 'etag' }, { 'If-Match': '*' }, { 'If-Match': '"other"' }, { 'If-Match': 'W/etag' },
  { 'If-Unmodified-Since': 'date' }, { 'If-Unmodified-Since': BEFORE }, { 'If-Unmodified-Since': AFTER },
  { 'If-None-Match': 'etag', 'If-Modified-Since': BEFORE }, { 'If-None-Match': '"other"', 'If-Modified-Since': 'date' },
  { 'If-Match': 'etag', 'If-Unmodified-Since': BEFORE }, { 'If-Match': '"other"', 'If-None-Match': 'etag' },
  { Range: 'bytes=2-3', 'If-Range': 'etag' }, { Range: 'bytes=2-3', 'If-Range': '"other"' }, { Range: 'bytes=2-3', 'If-Range': 'date' },
  { Range: 'bytes=2-3', 'If-Range': AFTER }, { Range: 'bytes=2-3', 'If-None-Match': 'etag' }, { Range: 'bytes=2-3', 'If-Match': '"other"' },
].map((it) => get('/digits.txt', it));

const encodings = [
  get('/packed/long.txt'), get('/packed/long.txt', gzip), head('/packed/long.txt', gzip), get('/packed/short.txt', gzip), get('/packed/photo.jpg', gzip),
  get('/packed/ready.css', gzip), get('/packed/ready.css'), get('/packed/ready.css', { ...gzip, Range: 'bytes=0-4' }),
  get('/packed/long.txt', { 'Accept-Encoding': 'gzip;q=0' }), get('/packed/long.txt', { 'Accept-Encoding': 'deflate, gzip;q=0.5' }),
  get('/packed/long.txt', { 'Accept-Encoding': 'identity' }), get('/packed/long.txt', { 'Accept-Encoding': 'br, gzip' }),
  get('/packed/long.txt', { 'Accept-Encoding': '*' }), get('/packed/long.txt', { ...gzip, Range: 'bytes=0-9' }),
  get('/packed/long.txt', { ...gzip, 'If-None-Match': 'etag' }), get('/digits.txt', gzip),
];

const escapes = [
  '/sub/../digits.txt', '/sub/%2e%2e/digits.txt', '/./digits.txt', '//digits.txt', '/%64igits.txt', '/../secret.txt', '/sub/../../secret.txt',
  '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/sub%2findex.html', '/sub/..%5c..%5csecret.txt', '/..\\secret.txt', '/digits.txt%00', '/digits.txt%',
  '/..;/secret.txt', '/.env', '/.git/config', '/.well-known/assetlinks.json', '/link-inside.txt', '/link-outside.txt', '/fifo',
].map((it) => get(it));

const others = [
  ...['POST', 'PUT', 'DELETE', 'OPTIONS'].map((method) => ({ method, target: '/digits.txt', fields: { 'Content-Length': '0' } })),
  head('/digits.txt', { Range: 'bytes=0-4' }),
  get('/spa/'), get('/spa/app.js'), get('/spa/rooms/7'), get('/spa/rooms/7?x=y'), head('/spa/none'),
  get('/assets/style.css'), get('/assets/style.css', { 'If-None-Match': 'etag' }), get('/assets/nothing'), get('/assets/deep'),
  get('/assets/style.css', { Range: 'bytes=0-3' }), get('/assets/style.css', { Range: 'bytes=900-' }), get('/assets/style.css', { 'If-Match': '"other"' }),
];

export const asks = [...plain, ...heads, ...ranges, ...conditions, ...encodings, ...escapes, ...others];
