// What all cases share: the gateway with its crowd, and the page that is open beside it.

import { openSocket, startGateway, until } from "../lib/gateway.mjs";

export const SOCKETS = 100;
export const MIXED = 20; // of them, to the pool with a dead server
export const QUIET = SOCKETS / 4; // of them, say nothing and are pinged
export const HOSTILE = `https://x.example/"'><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;

/** Filled in by `setUp`: everybody looks, only the last case takes anything away. */
export const scene = { gateway: null, page: null, sockets: [], open: null, complaints: [], pictures: "" };

/** Starts the gateway and opens its page; `run` is what `startRun` gave. */
export async function setUp(run, pictures) {
  Object.assign(scene, { open: run.open, complaints: run.complaints, pictures });
  scene.gateway = await startGateway();
  scene.page = await run.open({ viewport: { width: 1180, height: 900 }, colorScheme: "light" });
}

/** Opens the crowd, a quarter of it quiet, one of them with markup for an Origin. */
export async function startLoad() {
  for (let at = 0; at < SOCKETS; at += 1) {
    const headers = { Origin: at === 7 ? HOSTILE : `https://${at % 2 ? "odd" : "even"}.example.test` };
    const path = at < MIXED ? "/mixed" : "/applet/websocket?token=secret";
    scene.sockets.push(await openSocket(scene.gateway, path, headers, at >= QUIET));
  }
}

/** Takes down what is left. */
export async function tearDown() {
  scene.sockets.forEach((it) => it.socket.terminate());
  await scene.gateway?.stop();
}

/** Types into the page's search and waits until it has been noticed. */
export async function search(text) {
  await scene.page.fill("#q", text);
  await until("the search", async () => new URL(scene.page.url()).searchParams.get("q") === (text || null));
}
