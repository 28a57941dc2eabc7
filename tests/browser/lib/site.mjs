// A wsgate in front of one server with a page and a socket, and what it writes into its access log. Knows the
// configuration, nothing of browsers.

import { makeCertificate } from "../../interop/lib/certificate.mjs";
import { LOOPBACK, freePort } from "../../interop/lib/ports.mjs";
import { lookup, scratch, startChild, startEcho, until } from "./child.mjs";

export const DOMAIN = "page.example.test";
const PAGE = '<!doctype html><title>page</title><link rel="icon" href="data:,"><script src="/page.js"></script>';
const SCRIPT = 'fetch("/data").then((it) => it.text()).then((it) => { document.title = it; });';

/** Starts the server and the gateway; `http2` and `http2_websocket` are the gateway's settings. */
export async function startSite({ http2, http2_websocket }) {
  const folder = scratch("http2");
  const { ca, certificate, privateKey } = makeCertificate(folder, DOMAIN);
  const server = await startEcho(answer, { perMessageDeflate: true });
  const [port, adminPort] = [await freePort(), await freePort()];
  const text = `[gateway]
http2_websocket = ${http2_websocket}

[log]
level = "info"
format = "json"

[admin]
listen = "${LOOPBACK}:${adminPort}"

[[listeners]]
address = "${LOOPBACK}:${port}"
http2 = ${http2}

[[sites]]
domains = ["${DOMAIN}"]
certificate = "${certificate}"
private_key = "${privateKey}"

[[sites.routes]]
path = "/"
backend = "${LOOPBACK}:${server.port}"
`;
  const [lines, rest] = [[], []];
  const onLine = (line) => (line.startsWith("{") ? lines.push(JSON.parse(line)) : rest.push(line));
  const { said, stop } = await startChild({ folder, text, adminPort, servers: [server], onLine });
  return {
    ca, authority: `${folder}/ca.crt`, port, lookup, stop,
    url: `https://${DOMAIN}:${port}`,
    /** All it said that is no access line. */
    said: () => [...said, ...rest].join(""),
    /** The access line that `wanted` takes. */
    line: (wanted) => until(`a line of ${wanted}`, () => lines.find((it) => it.kind && wanted(it))),
    metric: async (name) => {
      const text = await (await fetch(`http://${LOOPBACK}:${adminPort}/metrics`)).text();
      return Number(text.split("\n").find((it) => it.startsWith(`${name} `))?.split(" ")[1]);
    },
  };
}

async function answer(request, response) {
  let bytes = 0;
  for await (const piece of request) bytes += piece.length;
  const path = request.url.split("?")[0];
  response.setHeader("content-type", path === "/page.js" ? "text/javascript" : "text/html; charset=utf-8");
  response.end({ "/page": PAGE, "/page.js": SCRIPT, "/data": "fetched", "/count": String(bytes) }[path] ?? "");
}
