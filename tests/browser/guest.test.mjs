// The page of a guest and the wizard that makes one, on lodged-fake.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { api, close, noErrors, quiet, signedIn, until, URL_, visitor } from "./browser.mjs";

const disk = (more = {}) => ({ spec: { type: "vm", memory: "64MiB", disks: [{ name: "root", size: "4MiB" }], nics: [{ name: "eth0" }], ...more } });

let me, page, rest;
before(async () => {
  me = await visitor();
  page = await signedIn(me);
  rest = api(me);
});
after(close);
afterEach(() => noErrors(me));

const go = async (path) => {
  await page.goto(`${URL_}${path}`);
  await page.waitForSelector("#main h1");
};
const button = (name) => page.getByRole("button", { name, exact: true });
const guest = async (name) => (await rest.call("GET", `/guests/${name}`)).json;
const gone = (name) => rest.done("DELETE", `/guests/${name}?force=true&purge=true`);

test("the wizard makes a running guest in three clicks, and goes to its page", async () => {
  await go("/guests/new?name=clicked");
  await button("Next").click();
  await button("Next").click();
  await page.getByText("start guest clicked").waitFor();
  await button("Create").click();
  await page.waitForURL(/\/guests\/clicked$/);
  await until(async () => (await guest("clicked")).status.state === "running", "the guest running");
  await gone("clicked");
});

test("a name that is taken and a wrong size stand at their fields, and their step is marked", async () => {
  await rest.done("PUT", "/guests/taken", disk());
  await go("/guests/new?name=taken");
  await button("Next").click();
  await page.getByText('There is a guest "taken" already').waitFor();
  await page.fill("#guest-name", "free");
  await page.fill("#guest-memory", "a lot");
  await page.getByText("This is no size").waitFor();
  await button("Next").click();
  assert.ok(await button("Create").isDisabled());
  await button('Go to "Settings"').click();
  await page.fill("#guest-memory", "1 MiB");
  await page.locator("#guest-memory-help").getByText("must be").waitFor(); // the API's own words
  await gone("taken");
});

test("a session that ends in the wizard takes nothing of what was typed", async () => {
  await go("/guests/new?name=kept");
  await button("Next").click();
  await page.fill("#guest-memory", "70 MiB");
  const cookies = await me.cookies();
  await me.clearCookies();
  await page.fill("#guest-memory", "71 MiB");
  await page.getByRole("dialog").waitFor();
  await page.getByRole("dialog").getByLabel("Password").fill(process.env.LODGE_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.inputValue("#guest-memory"), "71 MiB");
  await button("Next").click();
  await page.getByText("start guest kept").waitFor();
  assert.ok(cookies.length);
  rest = api(me);
});

test("the lines for a shell are what the wizard would do", async () => {
  await go("/guests/new?name=by-hand");
  await button("Next").click();
  await page.fill("#guest-memory", "72 MiB");
  await button("Next").click();
  await button("The same by API and command line").click();
  await page.getByText("--memory 72MiB").waitFor();
  await page.getByText(`${URL_}/api/v1/guests/by-hand?start=true`).waitFor();
});

test("hardware shows what a change does before it is saved, and what waits for a restart", async () => {
  await rest.done("PUT", "/guests/plan?start=true", disk());
  await go("/guests/plan/hardware");
  await page.fill("#guest-memory", "96 MiB");
  await page.getByText("at its next start", { exact: true }).waitFor();
  await page.getByText("at the guest's next start", { exact: true }).waitFor();
  await button("Save").click();
  await until(async () => (await guest("plan")).spec.memory === 96 * 1024 ** 2, "the change");
  await page.getByRole("tab", { name: "Overview" }).click();
  await button("Reboot now").click();
  await until(async () => !(await guest("plan")).status.pending_restart, "the restart");
  await page.getByText("Some changes wait").waitFor({ state: "detached" });
  await gone("plan");
});

test("a link away from something typed asks first, and keeps it when told so", async () => {
  await rest.done("PUT", "/guests/typed", disk());
  await go("/guests/typed/hardware");
  await page.fill("#guest-description", "half a sentence");
  await page.getByRole("tab", { name: "JSON" }).click(); // it is still there
  await page.getByRole("link", { name: "Networks", exact: true }).click();
  await page.getByText("Leave without saving?").waitFor();
  await button("Stay here").click();
  await page.getByRole("tab", { name: "Hardware" }).click();
  assert.equal(await page.inputValue("#guest-description"), "half a sentence");
  await page.getByRole("link", { name: "Networks", exact: true }).click();
  await page.getByText("Leave without saving?").waitFor();
  await button("Leave and lose it").click();
  await page.waitForURL("**/networks");
  await go("/guests/typed/hardware");
  assert.equal(await page.inputValue("#guest-description"), "");
  await gone("typed");
});

test("what others change meanwhile never overwrites what was typed: somebody chooses by field", async () => {
  await rest.done("PUT", "/guests/shared", disk());
  await go("/guests/shared/hardware");
  await page.fill("#guest-memory", "80 MiB");
  await page.fill("#guest-description", "mine");
  await rest.done("PATCH", "/guests/shared", { metadata: { description: "theirs" }, spec: { memory: "90MiB", run: "always" } });
  await page.getByText("Somebody else changed the same meanwhile").waitFor();
  assert.equal(await page.inputValue("#guest-memory"), "80 MiB");
  assert.equal(await page.inputValue("#guest-run"), "always");
  await page.getByRole("button", { name: "Keep yours: Memory" }).click();
  await page.getByRole("button", { name: "Take theirs: Description" }).click();
  await button("Save").click();
  await until(async () => (await guest("shared")).spec.memory === 80 * 1024 ** 2, "the change");
  const now = await guest("shared");
  assert.deepEqual([now.metadata.description, now.spec.run], ["theirs", "always"]);
  await gone("shared");
});

test("a stopped guest's disks are grown, added and removed, with what happens to their data", async () => {
  await rest.done("PUT", "/guests/disks", disk());
  await go("/guests/disks/hardware");
  await page.getByRole("group", { name: "Disk root" }).getByLabel("Size").fill("8 MiB");
  await button("Add a disk").click();
  await page.getByRole("group", { name: "Disk data1" }).getByLabel("Size").fill("5 MiB");
  await page.getByText("grow volume disks-root").waitFor();
  await button("Save").click();
  await until(async () => (await guest("disks")).status.disks.map((d) => d.size / 1024 ** 2).join() === "8,5", "both disks");
  await page.getByRole("button", { name: "Remove disk data1" }).click();
  await page.getByText("Its volume disks-data1 goes to the trash").waitFor();
  await button("Save").click();
  await until(async () => (await guest("disks")).status.disks.length === 1, "the disk being gone");
  await gone("disks");
});

test("a page follows its guest to another name with what was typed, and says when it is deleted", async () => {
  await rest.done("PUT", "/guests/before", disk());
  await go("/guests/before/hardware");
  await page.fill("#guest-memory", "81 MiB");
  await rest.done("PATCH", "/guests/before", { metadata: { name: "behind" } });
  await page.waitForURL(/\/guests\/behind\/hardware$/);
  assert.equal(await page.inputValue("#guest-memory"), "81 MiB");
  await rest.done("DELETE", "/guests/behind");
  await page.getByText("behind was deleted").waitFor();
  assert.match(await page.getByRole("link", { name: "Look for its volumes in the trash" }).getAttribute("href"), /^\/storage\/trash\?q=behind/);
  await go("/guests/behind");
  await page.getByText('There is no guest "behind"').waitFor();
});

test("JSON tells the line that is wrong, shows the difference, and is applied", async () => {
  await rest.done("PUT", "/guests/json", disk());
  await go("/guests/json/json");
  await button("Edit").click();
  const before = await page.inputValue("#guest-json");
  await page.fill("#guest-json", before.replace('"name": "json",', '"name": "json"'));
  await page.getByText("Line 4, column 5").waitFor();
  await page.fill("#guest-json", before.replace(/"memory": \d+/, '"memory": 83886080'));
  await page.getByRole("group", { name: "What differs" }).getByText('"memory": 83886080').waitFor();
  await button("Apply").click();
  await until(async () => (await guest("json")).spec.memory === 83886080, "the change");
  await gone("json");
});

test("tasks of a guest show as they come, with their log", async () => {
  await rest.done("PUT", "/guests/busy", disk());
  await go("/guests/busy/tasks");
  await button("Start").click();
  await page.getByRole("row", { name: /Start guest/ }).waitFor();
  await page.getByRole("button", { name: "Details" }).first().click();
  await page.getByText(/start guest busy/).first().waitFor();
  await gone("busy");
});

test("figures are drawn from the events, and nothing is asked for", async () => {
  await rest.done("PUT", "/guests/drawn?start=true", disk());
  await go("/guests/drawn");
  await page.getByRole("img", { name: /^CPU: / }).waitFor();
  await quiet(me);
  const asked = [];
  const note = (r) => asked.push(r.url());
  me.on("request", note);
  const label = () => page.getByRole("img", { name: /^Disk: / }).getAttribute("aria-label");
  const first = await label();
  await until(async () => (await label()) !== first, "another figure", 30_000).catch(() => undefined);
  me.off("request", note);
  assert.deepEqual(asked, []);
  await gone("drawn");
});
