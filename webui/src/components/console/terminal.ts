// xterm.js, loaded when somebody opens a terminal. It writes <style> elements and style attributes, which our policy forbids: it gets a
// document whose style elements fill constructed style sheets, and whose elements take style attributes by the CSSOM.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import type { Channel } from "./channel";

function styleElement(): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const element = plainElement("lodge-style");
  element.hidden = true;
  Object.defineProperty(element, "textContent", { set: (css: string) => sheet.replaceSync(css), get: () => "" });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet);
    HTMLElement.prototype.remove.call(element);
  };
  return element;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else HTMLElement.prototype.setAttribute.call(this, name, value);
}

const plainElement = (name: string, options?: ElementCreationOptions) => Document.prototype.createElement.call(document, name, options) as HTMLElement;

function createElement(name: string, options?: ElementCreationOptions): HTMLElement {
  if (name === "style") return styleElement();
  const element = plainElement(name, options);
  element.setAttribute = setAttribute;
  return element;
}

/** The page's document, but for the elements that it makes. */
const withoutInlineStyles = new Proxy(document, {
  get(target, key) {
    if (key === "createElement") return createElement;
    const value: unknown = Reflect.get(target, key, target);
    return typeof value === "function" ? (value as (...a: unknown[]) => unknown).bind(target) : value;
  },
});

const themes = {
  dark: { background: "#151515", foreground: "#f0f0f0", cursor: "#f0f0f0", selectionBackground: "#4f5b72" },
  light: { background: "#ffffff", foreground: "#151515", cursor: "#151515", selectionBackground: "#b9dafc" },
};

export interface TerminalView {
  /** Columns and rows as they fit now. */
  size: () => [number, number];
  attach: (channel: Channel, writable: boolean) => void;
  setWritable: (on: boolean) => void;
  setDark: (dark: boolean) => void;
  /** A line of the console's own. */
  say: (line: string) => void;
  focus: () => void;
  dispose: () => void;
}

export function openTerminal(parent: HTMLElement, dark: boolean, label: string): TerminalView {
  const terminal = new Terminal({
    cursorBlink: true, scrollback: 5000, fontFamily: '"RedHatMono", "DejaVu Sans Mono", monospace', fontSize: 14, screenReaderMode: false,
    theme: dark ? themes.dark : themes.light, documentOverride: withoutInlineStyles, disableStdin: true, convertEol: false,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  document.createElement = createElement as typeof document.createElement; // its viewport does not ask the document that it was given
  try {
    terminal.open(parent);
  } finally {
    delete (document as { createElement?: unknown }).createElement;
  }
  terminal.textarea?.setAttribute("aria-label", label);
  fit.fit();
  let channel: Channel | undefined;
  const encoder = new TextEncoder();
  terminal.onData((text) => channel?.send(encoder.encode(text)));
  terminal.onBinary((text) => channel?.send(Uint8Array.from(text, (c) => c.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => channel?.tell({ resize: [cols, rows] }));
  const observer = new ResizeObserver(() => fit.fit());
  observer.observe(parent);
  return {
    size: () => [terminal.cols, terminal.rows],
    attach: (next, writable) => {
      channel = next;
      next.onmessage = ({ data }) => terminal.write(new Uint8Array(data));
      terminal.options.disableStdin = !writable;
      next.tell({ resize: [terminal.cols, terminal.rows] });
    },
    setWritable: (on) => { terminal.options.disableStdin = !on; },
    setDark: (on) => { terminal.options.theme = on ? themes.dark : themes.light; },
    say: (line) => terminal.write(`\r\n\x1b[2m${line}\x1b[0m\r\n`),
    focus: () => terminal.focus(),
    dispose: () => {
      observer.disconnect();
      terminal.dispose();
    },
  };
}
