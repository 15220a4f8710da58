// What the browser tests share: a Chromium, a signed-in page, and waiting for what a person would see.
import assert from "node:assert/strict";
import { chromium } from "../../webui/node_modules/playwright-core/index.mjs";

export const URL_ = process.env.LODGE_URL;
export const PASSWORD = process.env.LODGE_PASSWORD;
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

let browser;

export async function open() {
  browser ??= await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--js-flags=--expose-gc"] });
  return browser;
}

export async function close() {
  await browser?.close();
  browser = undefined;
}

/** A browser of somebody's own: cookies, storage, worker. `errors` collects what its pages complain of. */
export async function visitor(options = {}) {
  const context = await (await open()).newContext({ ignoreHTTPSErrors: true, viewport: { width: 1400, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  const errors = [];
  context.on("weberror", (e) => errors.push(`page error: ${e.error().stack ?? e.error()}`));
  context.on("console", (m) => {
    if (m.type() === "error" && !/Failed to load resource/.test(m.text())) errors.push(`console: ${m.text()}`);
  });
  context.on("page", (page) => page.on("dialog", (d) => void d.accept())); // leaves what a test typed and did not save
  await context.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.sourceFile}:${e.lineNumber}:${e.columnNumber} ${e.sample}`)));
  return Object.assign(context, { errors });
}

/** A page after signing in. */
export async function signedIn(context, path = "/", user = "admin", password = PASSWORD) {
  const page = await context.newPage();
  await page.goto(`${URL_}${path}`);
  await page.fill("#login-user", user);
  await page.fill("#login-password", password);
  await page.click("button[type=submit]");
  await page.waitForSelector("#main");
  return page;
}

/** The API, as the same user, for what a test needs and does not test. */
export function api(context) {
  let csrf;
  const call = async (method, path, body, headers = {}) => {
    csrf ??= (await (await context.request.get(`${URL_}/api/v1/session`)).json()).csrf;
    const answer = await context.request.fetch(`${URL_}/api/v1${path}`, { method, data: body, headers: { "X-Lodge-CSRF": csrf, "Content-Type": "application/json", ...headers } });
    const text = await answer.text();
    return { status: answer.status(), json: text.startsWith("{") ? JSON.parse(text) : undefined, text };
  };
  const done = async (method, path, body) => {
    let answer = await call(method, path, body, { Prefer: "wait=60" });
    while (answer.status === 202) answer = await call("GET", `/tasks/${answer.json.metadata.name}?wait=30s`);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    const state = answer.json?.spec?.action ? answer.json.status.state : "succeeded";
    assert.equal(state, "succeeded", answer.text);
    return answer.json;
  };
  return { call, done };
}

/** Waits until a condition holds; fails with `what`. */
export async function until(condition, what, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) assert.fail(`${what}: not within ${ms} ms`);
    await new Promise((r) => setTimeout(r, 30));
  }
}

/** Waits until this browser has asked for nothing at fifty looks in a row: a second and a half, on a quiet machine. */
export async function quiet(context) {
  let looks = 0;
  const note = () => { looks = 0; };
  context.on("request", note);
  await until(() => ++looks > 50, "a browser that asks for nothing", 30_000);
  context.off("request", note);
}

/** What was measured, once it is good enough, and after three rounds in any case: one stall of the machine does not decide. */
export async function atBest(measure, isGood) {
  for (let round = 1; ; round++) {
    const found = await measure(round);
    if (isGood(found) || round === 3) return found;
  }
}

export function row(page, name) {
  return page.locator("tbody tr", { has: page.getByRole("link", { name, exact: true }) });
}

export async function rowMenu(page, line, item) {
  const button = line.getByRole("button", { name: "Actions" });
  await button.click();
  await until(async () => {
    const [at, menu] = [await button.boundingBox(), await page.getByRole("menu").boundingBox()];
    return at && menu && Math.abs(menu.x + menu.width - at.x - at.width) < 60;
  }, "the menu beside its button");
  await page.getByRole("menuitem", { name: item, exact: true }).click();
}

export function noErrors(context) {
  assert.deepEqual(context.errors, []);
}
