// SPDX-License-Identifier: MIT
// Hands a trace to Perfetto's page the way that page describes: open it, say PING until it answers PONG,
// post the trace. The trace goes from one tab to another; neither page sends it anywhere.

export const PERFETTO = "https://ui.perfetto.dev";

const PING_MS = 50;
const PATIENCE_MS = 60_000;

/** As much of a window as is needed; a test has its own. */
export interface PerfettoWindow {
  open(url: string): PerfettoTab | null;
  addEventListener(type: "message", listener: (event: MessageLike) => void): void;
  removeEventListener(type: "message", listener: (event: MessageLike) => void): void;
}

export interface PerfettoTab {
  readonly closed: boolean;
  postMessage(message: unknown, origin: string): void;
}

interface MessageLike {
  readonly source: unknown;
  readonly origin: string;
  readonly data: unknown;
}

const browser: PerfettoWindow = {
  open: (url) => window.open(url),
  addEventListener: (type, listener) => window.addEventListener(type, listener),
  removeEventListener: (type, listener) => window.removeEventListener(type, listener),
};

function answered(tab: PerfettoTab, from: PerfettoWindow): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      clearInterval(ping);
      clearTimeout(patience);
      from.removeEventListener("message", listen);
      finish();
    };
    const listen = ({ source, origin, data }: MessageLike) => {
      if (source === tab && origin === PERFETTO && data === "PONG") end(resolve);
    };
    const fail = (why: string) => end(() => reject(new Error(why)));
    from.addEventListener("message", listen);
    const ping = setInterval(() => {
      if (tab.closed) fail("the Perfetto tab was closed");
      else tab.postMessage("PING", PERFETTO);
    }, PING_MS);
    const patience = setTimeout(
      () => fail(`${PERFETTO} does not answer: is this machine on line?`),
      PATIENCE_MS,
    );
  });
}

/** To be called from a click, else the browser opens nothing. `load` begins at once. */
export async function openInPerfetto(
  load: () => Promise<ArrayBuffer>,
  title: string,
  from: PerfettoWindow = browser,
): Promise<void> {
  const tab = from.open(PERFETTO);
  if (!tab) throw new Error("the browser did not open a tab: allow this page to open one");
  const [buffer] = await Promise.all([load(), answered(tab, from)]);
  tab.postMessage({ perfetto: { buffer, title, fileName: `${title}.pftrace` } }, PERFETTO);
}
