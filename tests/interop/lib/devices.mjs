// What the sockets of mini programs carry beside the handshake's own fields, by kind of device: four shapes of
// Origin, with and without Referer. Data only. Where reports leave a field open, it is left out.

/** The app id in every Referer here. */
export const APP_ID = 'wx0123456789abcdef';

const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
  + 'Mobile/15E148';
const ANDROID = 'Mozilla/5.0 (Linux; Android 14; 23127PN0CC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 '
  + 'Chrome/122.0.6261.120 Mobile Safari/537.36 XWEB/1220053 MMWEBSDK/20240404 MMWEBID/98 '
  + 'MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 Weixin NetType/5G Language/zh_CN ABI/arm64 '
  + 'MiniProgramEnv/android';
const DEVTOOLS = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) '
  + 'Chrome/122.0.0.0 Safari/537.36 wechatdevtools/1.03.2005140 MicroMessenger/7.0.4 Language/zh_CN webview/';

const referer = (version) => `https://servicewechat.com/${APP_ID}/${version}/page-frame.html`;

/** The header fields of each device, given the `host[:port]` that is connected to. */
export const DEVICES = {
  /** A released mini program on a current phone. */
  android: () => ({
    Origin: 'https://servicewechat.com', Referer: referer('27'), 'User-Agent': ANDROID,
  }),
  /** The IDE: Chromium's socket, so a subprotocol that is not echoed fails. */
  devtools: () => ({
    Origin: 'https://servicewechat.com', Referer: referer('devtools'), 'User-Agent': DEVTOOLS,
  }),
  /** A mini game on iOS: a scheme of its own, no Referer, no MicroMessenger. */
  iosGame: () => ({
    Origin: 'weapp://wechat-game-runtime', 'User-Agent': IPHONE, Accept: '*/*',
    'Accept-Language': 'zh-CN,zh-Hans;q=0.9', 'Cache-Control': 'no-cache', Pragma: 'no-cache',
  }),
  /** Older iOS (SocketRocket): the Origin of the address itself. */
  olderIos: (host) => ({
    Origin: `https://${host}`, Referer: referer('27'),
    'User-Agent': `${IPHONE} MicroMessenger/8.0.42(0x18002a2e) NetType/WIFI Language/zh_CN`,
  }),
  /** A transport that adds neither Origin nor Referer (WebSocket++). */
  bare: () => ({ 'User-Agent': 'WebSocket++/0.8.2' }),
};
