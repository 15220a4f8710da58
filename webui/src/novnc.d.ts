// What this console uses of noVNC, which comes without types.
declare module "@novnc/novnc" {
  interface RawChannel {
    readonly readyState: number;
    readonly protocol: string;
    binaryType: string;
    onopen: unknown;
    onmessage: unknown;
    onclose: unknown;
    onerror: unknown;
    send(data: unknown): void;
    close(): void;
  }
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: RawChannel, options?: { shared?: boolean });
    scaleViewport: boolean;
    clipViewport: boolean;
    background: string;
    viewOnly: boolean;
    sendCtrlAltDel(): void;
    clipboardPasteFrom(text: string): void;
    focus(): void;
    disconnect(): void;
  }
}
