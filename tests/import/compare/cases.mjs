// The configurations that are run side by side, and what is asked of each. Names and paths only; the requests that
// all of them get are in run.mjs.

const wechat = { Origin: 'https://servicewechat.com', Referer: 'https://servicewechat.com/wx0123456789abcdef/1/page-frame.html' };

/**
 * `backends` are the servers as the configuration writes them; `asks` go beyond what every case is asked.
 * `files` stand in the folder of its `root`. Which server of a `pool` is chosen is nobody's to say beforehand. */
export const cases = [
  {
    name: 'tencent-demo', host: 'demo.example.com', backends: ['localhost:5757', '127.0.0.1:9595'],
    paths: ['/applet/websocket', '/applet/websocket/socket.io//?EIO=3&transport=websocket', '/applet/session', '/', '/applet/websocketx'],
    asks: [{ websocket: true, path: '/applet/websocket', headers: wechat }],
  },
  { name: 'socketio', host: 'chat.example.com', backends: ['localhost:3000'], paths: ['/', '/socket.io/?EIO=4&transport=polling', '/a//b/../c%20d?e=%2f'] },
  {
    name: 'socketio-nodes', host: 'io.example.com', backends: ['app01:3000', 'app02:3000', 'app03:3000'], pool: ['app01:3000', 'app02:3000'], files: { 'index.html': 'home' },
    paths: ['/socket.io/', '/socket.io/?sid=1', '/socket.io', '/index.html'],
  },
  { name: 'signalr', host: 'hub.example.com', plain: true, backends: ['localhost:5000'], paths: ['/hubroute', '/hubroute/negotiate?v=1', '/other'] },
  { name: 'gatewayworker', host: 'worker.example.com', backends: ['127.0.0.1:8282'], paths: ['/wss', '/wss/', '/wssx', '/'] },
  {
    name: 'spring', host: 'api.example.com', backends: ['127.0.0.1:8080', '127.0.0.1:8081'],
    paths: ['/', '/stomp', '/stomp/info', '/actuator/health', '/actuator/shutdown'],
    asks: [{ websocket: true, path: '/stomp', headers: { Origin: 'https://elsewhere.example', 'Sec-WebSocket-Protocol': 'v12.stomp, v11.stomp' } },
      { method: 'POST', path: '/big', length: 19 * 1024 * 1024 }],
  },
  { name: 'grafana', host: 'grafana.example.com', plain: true, backends: ['localhost:3000'], paths: ['/', '/login', '/api/live/ws', '/api/live'] },
  {
    name: 'grafana-subpath', host: 'tools.example.com', backends: ['localhost:3000', 'localhost:9090', 'localhost:9093'],
    paths: ['/grafana/', '/grafana/d/x?y=1', '/grafana/api/live/ws', '/prometheus/graph?g0=1', '/prometheus', '/alerts', '/alerts/x', '/status', '/none'],
  },
  { name: 'jupyter', host: 'hub.example.org', backends: ['127.0.0.1:8000'], paths: ['/', '/user/a/api/kernels/1/channels'], asks: [{ method: 'POST', path: '/up', length: 11 * 1024 * 1024 }] },
  { name: 'home-assistant', host: 'home.example.net', backends: ['127.0.0.1:8123'], paths: ['/', '/api/websocket', '/api/camera_proxy/1'] },
  { name: 'certbot', host: 'app.example.com', backends: ['127.0.0.1:4000'], paths: ['/', '/deep/er'] },
  { name: 'acme-webroot', host: 'shop.example.com', backends: ['127.0.0.1:8000', '127.0.0.1:8001'], paths: ['/', '/cart', '/ws/', '/ws/a/b?c', '/ws'],
    asks: [{ plain: true, path: '/.well-known/acme-challenge/nobody-asked' }, { plain: true, websocket: true, path: '/ws/' }] },
  {
    name: 'origins', host: 'game.example.com', backends: ['127.0.0.1:9501', '127.0.0.1:9502', '127.0.0.1:9503', '127.0.0.1:9504', '127.0.0.1:9505'],
    paths: ['/ws', '/app', '/only', '/odd'],
    asks: ['https://example.com', 'https://www.example.com', 'https://example.com.evil.test', 'https://game.example.com', 'https://a.play.example.com', 'http://example.com', 'null']
      .flatMap((Origin) => ['/ws', '/app', '/loose'].map((it) => ({ websocket: true, path: it, headers: { Origin } }))),
  },
  {
    name: 'access', host: 'access.example.com', backends: ['127.0.0.1:8000'],
    paths: ['/', '/inside', '/outside', '/nobody', '/nobodyelse', '/.git/config', '/either'],
  },
  {
    name: 'kept-shut', host: 'shut.example.com', backends: ['127.0.0.1:8000'],
    paths: ['/', '/admin/', '/admin/x', '/secret', '/section', '/private/a', '/PRIVATE/', '/private/open/a', '/.git/config', '/a/.env', '/.well-known/x',
      '/.well-know', '/twice/aa', '/cookie', '/token', '/agent'],
    asks: [{ path: '/cookie', headers: { Cookie: 'auth=yes' } }, { path: '/token?token=abc' }],
  },
  {
    name: 'locations', host: 'loc.example.com', backends: Array.from({ length: 16 }, (_, index) => `127.0.0.1:${8001 + index}`),
    paths: ['/', '/index.html', '/documents/a', '/documents', '/documents/a.jpg', '/images/a.gif', '/static/a.jpg', '/staticx/a', '/static/deep/a',
      '/static/deep/a.gif', '/with%20space', '/exact', '/exact/', '/room/123', '/room/1234567', '/outer/a', '/outer/a.json', '/outer/inner/b',
      '/outer/inner/b.json', '/seam', '/seam/x', '/seam2/x', '/A.JPG', '/private.txt', '/note.txt', '/a/../documents/b', '/%64ocuments/c'],
  },
  {
    name: 'answers', host: 'answers.example.com', backends: ['127.0.0.1:8000'],
    paths: ['/', '/own/x', '/robots.txt', '/health', '/empty', '/gone', '/moved', '/found?a=b', '/keep', '/keep?x=%20y', '/relative', '/api/v1/users/7',
      '/docs/a/b', '/u/someone', '/denied', '/closed', '/closedtoo', '/internal', '/404.html'],
    asks: [
      ...['/robots.txt', '/moved', '/gone', '/denied', '/docs'].map((it) => ({ method: 'HEAD', path: it })),
      ...['/robots.txt', '/moved', '/closed'].map((it) => ({ method: 'POST', path: it, length: 10 })),
      { path: '/x/y?z', host: 'old.example.com' }, { path: '/x/y?z', host: 'older.example.com' }, { path: '/nobody' },
    ],
  },
  {
    name: 'vite-and-api', host: 'spa.example.com', backends: ['127.0.0.1:8000'], files: { 'index.html': 'home', 'assets/a.js': 'a()', 'favicon.ico': 'icon' }, paths: ['/api/users?page=1', '/api/ws', '/api', '/assets/a.js', '/', '/assets/none.js', '/favicon.ico', '/rooms/7'],
  },
];
