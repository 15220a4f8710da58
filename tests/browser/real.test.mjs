// The console on a real lodged with real guests: what a user does first.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { api, close, noErrors, row, signedIn, until, URL_, visitor } from "./browser.mjs";

let me, page, rest;
before(async () => {
  me = await visitor();
  page = await signedIn(me);
  rest = api(me);
  for (const image of ["tiny-vm", "tiny-container"])
    await until(async () => (await rest.call("GET", `/images/${image}`)).json?.status.state === "ready", `image ${image}`, 60_000);
});
after(close);

const go = async (path) => {
  await page.goto(`${URL_}${path}`);
  await page.waitForSelector("#main h1");
};

/** What the screen shows, as a hash of its canvas, and how many of its points are lit. */
const picture = () => page.evaluate(() => {
  const canvas = document.querySelector(".lodge-screen canvas");
  if (!canvas || !canvas.width) return undefined;
  const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let lit = 0;
  let sum = 0;
  for (let i = 0; i < points.length; i += 4) {
    const value = points[i] + points[i + 1] + points[i + 2];
    if (value > 90) lit++;
    sum = (sum * 31 + value) | 0;
  }
  return { lit, sum };
});

const terminalText = () => page.evaluate(() => document.querySelector(".xterm-rows")?.textContent ?? "");

/** Types a line until its answer is on the terminal: a guest that boots does not listen yet. */
async function answered(line, answer, ms = 90_000) {
  await until(async () => {
    await page.locator(".lodge-terminal textarea").focus();
    await page.keyboard.type(`${line}\n`);
    await page.waitForTimeout(1500);
    return (await terminalText()).includes(answer);
  }, `"${answer}" on the terminal`, ms);
}

test("three clicks make a running container, and its shell runs a command", async () => {
  await go("/guests/new?image=tiny-container");
  await page.getByRole("button", { name: "Next", exact: true }).click();
  const name = await page.getByLabel("Name", { exact: false }).first().inputValue();
  await page.getByRole("button", { name: "Next", exact: true }).click();
  await page.getByRole("button", { name: /^Create/ }).last().click();
  await page.waitForURL(`**/guests/${name}`);
  await page.getByText("running").first().waitFor({ timeout: 30_000 });
  await go(`/guests/${name}/console?kind=shell`);
  await answered("echo he''llo $(id -u) $(hostname)", `hello 0 ${name}`);
  const [columns] = await page.evaluate(() => [document.querySelector(".xterm-rows")?.children.length]);
  await answered("stty size", `${columns} `);
  await page.keyboard.type("exit\n");
  await page.getByText("It has ended").waitFor();
  assert.equal((await rest.call("GET", `/guests/${name}`)).json.status.state, "running");
  await rest.done("DELETE", `/guests/${name}?force=true&purge=true`);
});

test("a VM's screen is seen and changes, its serial console takes what is typed, and a look-on is told who types", async () => {
  await rest.done("PUT", "/guests/seen?start=true", { spec: { type: "vm", memory: "256MiB", disks: [{ name: "root", image: "tiny-vm" }], nics: [{ name: "eth0" }] } });
  await go("/guests/seen/console");
  const first = await until(async () => { const now = await picture(); return now?.lit > 50 && now; }, "a picture that is not black", 90_000);
  await until(async () => (await picture()).sum !== first.sum, "the picture changing", 90_000);
  await go("/guests/seen/console?kind=serial");
  await answered("echo ty''ped", "typed");
  const second = await me.newPage();
  await second.goto(`${URL_}/guests/seen/console?kind=serial`);
  await second.getByText("you look on").waitFor();
  await until(() => second.evaluate(() => (document.querySelector(".xterm-rows")?.textContent ?? "").includes("typed")), "the last screenful in the second window");
  await second.getByRole("button", { name: "Type here instead" }).click();
  await page.getByText("you look on").waitFor();
  await second.close();
  await page.getByText("you look on").waitFor({ state: "detached" });
});

/** Somebody else at the same screen, who says to have copied this: RFB 3.8 by hand, within a page of theirs. */
const copiesElsewhere = (other, guest, words) => other.evaluate(async ([guest, words]) => {
  const { csrf } = await (await fetch("/api/v1/session")).json();
  const asked = await fetch(`/api/v1/guests/${guest}/consoles`, { method: "POST", body: '{"kind":"vnc"}', headers: { "Content-Type": "application/json", "X-Lodge-CSRF": csrf } });
  const socket = new WebSocket((await asked.json()).url, "binary");
  socket.binaryType = "arraybuffer";
  let seen = 0;
  const at = async (n) => { while (seen < n) await new Promise((go) => setTimeout(go, 20)); };
  socket.onmessage = (event) => { seen += event.data.byteLength; };
  const say = (...bytes) => socket.send(Uint8Array.from(bytes));
  const encode = (text) => new TextEncoder().encode(text);
  await at(12);
  say(...encode("RFB 003.008\n"));
  await at(14);
  say(1);
  await at(18);
  say(1);
  await at(18 + 24);
  say(2, 0, 0, 1, 0xc0, 0xa1, 0xe5, 0xce); // the extended clipboard
  await new Promise((go) => setTimeout(go, 500));
  say(6, 0, 0, 0, 0, 0, 0, words.length, ...encode(words));
  await new Promise((go) => setTimeout(go, 500));
  socket.close();
}, [guest, words]);

test("what others copy at a screen reaches one's own clipboard only when it is asked for", async () => {
  await rest.done("PUT", "/guests/copied?start=true", { spec: { type: "vm", memory: "128MiB", disks: [{ name: "root", image: "tiny-vm" }] } });
  await me.grantPermissions(["clipboard-read", "clipboard-write"]);
  await go("/guests/copied/console");
  await page.getByText("connected", { exact: true }).waitFor();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  const other = await signedIn(await visitor());
  await page.bringToFront();
  await page.evaluate(() => navigator.clipboard.writeText("mine"));
  await copiesElsewhere(other, "copied", "rm -rf /");
  const offer = page.getByRole("button", { name: "Copy the guest’s clipboard" });
  await offer.waitFor();
  assert.equal(await clipboard(), "mine");
  await offer.click();
  await until(async () => (await clipboard()) === "rm -rf /", "the clipboard after asking");
  await other.context().close();
  await rest.done("DELETE", "/guests/copied?force=true&purge=true");
});

test("restarting the gate or lodged ends no guest, and a console comes back by itself", async () => {
  await go("/guests/seen/console?kind=serial");
  await page.getByText("connected", { exact: true }).waitFor();
  execFileSync("pkill", ["-KILL", "-x", "lodge-gate"]); // this runs on the same (sandboxed) host
  await page.getByText("connected", { exact: true }).waitFor({ state: "detached" });
  await page.getByText("connected", { exact: true }).waitFor({ timeout: 30_000 });
  await answered("echo ba''ck", "back", 30_000);
  me.errors.length = 0;
});

test("an ended session ends the console at once, and signing in again opens it again", async () => {
  await go("/guests/seen/console?kind=serial");
  await page.getByText("connected", { exact: true }).waitFor();
  const csrf = (await (await me.request.get(`${URL_}/api/v1/session`)).json()).csrf;
  await me.request.delete(`${URL_}/api/v1/session`, { headers: { "X-Lodge-CSRF": csrf } });
  await page.getByText("Your session has ended").first().waitFor();
  await page.fill("#login-password", process.env.LODGE_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("connected", { exact: true }).waitFor({ timeout: 30_000 });
  rest = api(me);
  await rest.done("DELETE", "/guests/seen?force=true&purge=true");
});

test("an image is uploaded with a cut in the middle, and a guest of it fails with a reason that is read", async () => {
  await go("/images");
  await page.getByRole("button", { name: "Add image" }).first().click();
  const bytes = Buffer.alloc(10 * 1024 * 1024, "no disk at all");
  await page.locator("input[type=file]").setInputFiles({ name: "odd.raw", mimeType: "application/octet-stream", buffer: bytes });
  let parts = 0;
  await page.route("**/api/v1/uploads/*", async (route) => {
    if (route.request().method() === "PATCH" && ++parts === 2) await route.abort("connectionreset");
    else await route.continue();
  });
  await page.getByRole("dialog").getByRole("button", { name: "Upload" }).click();
  await page.locator("tbody tr", { hasText: "odd" }).getByText("ready").waitFor({ timeout: 60_000 });
  const image = (await rest.call("GET", "/images/odd")).json;
  assert.equal(image.status.sha256, createHash("sha256").update(bytes).digest("hex"));
  await rest.done("DELETE", "/images/odd");
  await page.unroute("**/api/v1/uploads/*");

  // A qcow2 that is none: the task fails, says why, and the message leads to it.
  await page.getByRole("button", { name: "Add image" }).first().click();
  await page.locator("input[type=file]").setInputFiles({ name: "liar.qcow2", mimeType: "application/octet-stream", buffer: bytes });
  await page.getByRole("dialog").getByRole("button", { name: "Upload" }).click();
  await page.getByText(/Import image liar: failed/).waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: "Show the task" }).click();
  await page.getByRole("dialog").getByText(/qcow2/).first().waitFor();
  assert.equal((await rest.call("GET", "/images/liar")).status, 404);
});

test("many containers are started and stopped at once", async () => {
  for (const i of [1, 2]) await rest.done("PUT", `/guests/many-${i}`, { spec: { type: "container", memory: "64MiB", disks: [{ name: "root", image: "tiny-container" }], nics: [] } });
  await go("/guests?q=many");
  await row(page, "many-2").waitFor();
  await page.locator("thead input[type=checkbox]").check();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  for (const i of [1, 2]) await row(page, `many-${i}`).getByText("running").waitFor();
  await page.locator("thead input[type=checkbox]").check();
  await page.getByRole("button", { name: "Stop now", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop now" }).click();
  for (const i of [1, 2]) await row(page, `many-${i}`).getByText("stopped").waitFor();
  for (const i of [1, 2]) await rest.done("DELETE", `/guests/many-${i}?purge=true`);
  noErrors(me);
});
