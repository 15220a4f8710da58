// The SharedWorker: one hub for all tabs of this browser, since browsers allow six connections to a host.
import { Hub } from "../state/hub";

interface SharedScope {
  onconnect: (event: MessageEvent) => void;
  fetch: typeof fetch;
  setTimeout: (run: () => void, ms: number) => number;
  clearTimeout: (timer: number) => void;
}
const scope = globalThis as unknown as SharedScope;
const ports = new Set<MessagePort>();

const hub = new Hub(
  (heard) => {
    for (const port of ports) port.postMessage(heard);
  },
  {
    fetch: (...args) => scope.fetch(...args),
    setTimeout: (run, ms) => scope.setTimeout(run, ms),
    clearTimeout: (timer) => scope.clearTimeout(timer),
  },
);

scope.onconnect = ({ ports: [port] }) => {
  if (!port) return;
  port.onmessage = ({ data }: MessageEvent<"start" | "restart" | "nudge" | "bye">) => {
    if (data === "bye") {
      ports.delete(port);
      if (!ports.size) hub.stop();
    } else if (data === "nudge") {
      hub.nudge();
    } else {
      ports.add(port);
      if (data === "restart" || !hub.running) hub.start();
      else if (hub.isUp) port.postMessage({ type: "up", fresh: true });
    }
  };
};
