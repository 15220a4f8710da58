import assert from "node:assert/strict";
import test from "node:test";
import { type Heard, Hub } from "./hub";
import { EventParser } from "./sse";

test("events come whole, however their bytes are cut", () => {
  const parser = new EventParser();
  const text = "retry: 1000\nid: 7\nevent: change\ndata: {\"a\":1}\n\n:\n\nevent: live\ndata: x\ndata: y\r\n\n";
  const found = [...text].flatMap((c) => parser.push(c));
  assert.deepEqual(found, [{ event: "change", data: '{"a":1}', id: "7" }, { event: "live", data: "x\ny", id: undefined }]);
});

/** A hub against a scripted server; time passes when run() says so. */
function scripted(answers: ((headers: Record<string, string>) => Response)[]) {
  const heard: Heard[] = [];
  const asked: Record<string, string>[] = [];
  const timers: { run: () => void; ms: number; id: number }[] = [];
  let next = 1;
  const hub = new Hub((h) => heard.push(h), {
    fetch: ((_: string, init: RequestInit) => {
      const headers = init.headers as Record<string, string>;
      asked.push(headers);
      const answer = answers.shift();
      return answer ? Promise.resolve(answer(headers)) : new Promise(() => undefined);
    }) as typeof fetch,
    setTimeout: (run, ms) => { timers.push({ run, ms, id: next }); return next++; },
    clearTimeout: (id) => { const at = timers.findIndex((t) => t.id === id); if (at >= 0) timers.splice(at, 1); },
  });
  const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const elapse = async () => { await settle(); const due = timers.splice(0).filter((t) => t.ms < 10_000); for (const t of due) t.run(); await settle(); };
  return { hub, heard, asked, settle, elapse };
}
const stream = (text: string) => () => new Response(text, { status: 200 });
const status = (code: number) => () => new Response("{}", { status: code });
const hello = (id: number) => `id: ${id}\nevent: hello\ndata: {"revision":${id}}\n\n`;

test("a broken stream resumes after the last change that was heard", async () => {
  const s = scripted([stream(`${hello(5)}id: 6\nevent: change\ndata: {"revision":6,"changes":[]}\n\n`), stream(hello(6))]);
  s.hub.start();
  await s.settle();
  await s.elapse();
  assert.equal(s.asked[1]?.["Last-Event-ID"], "6");
  assert.deepEqual(s.heard.map((h) => h.type), ["up", "change", "down", "up", "down"]);
  assert.deepEqual(s.heard[3], { type: "up", fresh: false });
});

test("a server that keeps too little is asked for a fresh stream", async () => {
  const s = scripted([stream(hello(5)), status(410), stream(hello(900))]);
  s.hub.start();
  await s.settle();
  await s.elapse();
  await s.elapse();
  assert.equal(s.asked[2]?.["Last-Event-ID"], undefined);
  assert.deepEqual(s.heard.filter((h) => h.type === "up"), [{ type: "up", fresh: true }, { type: "up", fresh: true }]);
});

test("an ended session is told once, and not asked again", async () => {
  const s = scripted([status(401), stream(hello(1))]);
  s.hub.start();
  await s.settle();
  await s.elapse();
  assert.deepEqual(s.heard, [{ type: "refused", status: 401 }]);
  assert.equal(s.asked.length, 1);
});

test("a daemon that restarts is tried again until it is there", async () => {
  const s = scripted([status(503), status(503), stream(hello(2))]);
  s.hub.start();
  await s.settle();
  await s.elapse();
  await s.elapse();
  assert.equal(s.heard.at(0)?.type, "down");
  assert.ok(s.heard.some((h) => h.type === "up"));
});

test("an event that cannot be read makes the stream begin anew", async () => {
  const s = scripted([stream(`${hello(5)}id: 6\nevent: change\ndata: {broken\n\n`), stream(hello(7))]);
  s.hub.start();
  await s.settle();
  await s.elapse();
  assert.equal(s.asked[1]?.["Last-Event-ID"], undefined);
});
