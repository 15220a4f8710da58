// noVNC, loaded when somebody opens a screen.
import RFB from "@novnc/novnc";
import type { Channel } from "./channel";

export interface ScreenView {
  setScaled: (on: boolean) => void;
  sendCtrlAltDel: () => void;
  paste: (text: string) => void;
  focus: () => void;
  dispose: () => void;
}

export interface ScreenEvents {
  connected: () => void;
  /** What the guest copied, or somebody else who looks at it. */
  clipboard: (text: string) => void;
}

export function openScreen(parent: HTMLElement, channel: Channel, scaled: boolean, events: ScreenEvents): ScreenView {
  const rfb = new RFB(parent, channel, { shared: true });
  rfb.scaleViewport = scaled;
  rfb.clipViewport = false;
  rfb.background = "transparent";
  rfb.addEventListener("connect", () => events.connected());
  rfb.addEventListener("clipboard", (event) => events.clipboard((event as CustomEvent<{ text: string }>).detail.text));
  return {
    setScaled: (on) => { rfb.scaleViewport = on; },
    sendCtrlAltDel: () => rfb.sendCtrlAltDel(),
    paste: (text) => rfb.clipboardPasteFrom(text),
    focus: () => rfb.focus(),
    dispose: () => rfb.disconnect(),
  };
}
