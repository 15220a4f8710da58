// One console in a page: it connects, says what goes on, and connects again where that helps. Leaving it never ends a guest.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Label } from "@pf/Label";
import { Spinner } from "@pf/Spinner";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import type { Guest } from "../../api/generated";
import { type Problem, toProblem } from "../../api/problem";
import { type ConsoleKind, endText, isPassing, type Notice, retryDelay } from "../../models/console";
import { useAccess } from "../../state/session";
import { useDark } from "../../state/theme";
import { text } from "../../text/en";
import { ProblemAlert } from "../Problem";
import { Channel, ticketFor } from "./channel";
import type { ScreenView } from "./screen";
import type { TerminalView } from "./terminal";

type Line = { state: "connecting" } | { state: "open" } | { state: "waiting"; why: string } | { state: "ended"; why: string } | { state: "refused"; problem: Problem };

export interface ConsoleHandle {
  /** Types into it: the screen's clipboard, or the terminal. */
  ctrlAltDel: () => void;
  take: () => void;
}

interface Connection {
  line: Line;
  mode: "writer" | "viewer";
  by: string | undefined;
  /** What was copied at the screen, by the guest or by somebody else who looks at it: it goes no further by itself. */
  copied: string | undefined;
  again: () => void;
  handle: RefObject<ConsoleHandle | null>;
}

/** Opens the guest's console within `place`, and keeps it open. */
function useConsole(guest: Guest, kind: ConsoleKind, place: RefObject<HTMLDivElement | null>, scaled: boolean): Connection {
  const [line, setLine] = useState<Line>({ state: "connecting" });
  const [attempt, setAttempt] = useState(0);
  const [mode, setMode] = useState<"writer" | "viewer">("writer");
  const [by, setBy] = useState<string>();
  const [copied, setCopied] = useState<string>();
  const handle = useRef<ConsoleHandle>(null);
  const screen = useRef<ScreenView>(undefined);
  const terminal = useRef<TerminalView>(undefined);
  const failures = useRef(0);
  const dark = useDark();
  const access = useAccess();
  const signedIn = access.state === "in";
  const name = guest.metadata.name;
  useEffect(() => { screen.current?.setScaled(scaled); }, [scaled]);
  useEffect(() => { terminal.current?.setDark(dark); }, [dark]);

  useEffect(() => {
    const parent = place.current;
    if (!parent || !signedIn) return undefined;
    const abort = new AbortController();
    let channel: Channel | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = (notice: Notice) => {
      if (notice.by !== undefined) setBy(notice.by);
      if (notice.lost) terminal.current?.say(text.console.lost(notice.lost));
      if (!notice.mode) return;
      setMode(notice.mode);
      terminal.current?.setWritable(notice.mode === "writer");
    };
    const closed = (code: number, ended: Notice | undefined) => {
      if (abort.signal.aborted) return;
      const why = endText(code, ended);
      if (!isPassing(code) && code !== 4001) return setLine({ state: "ended", why });
      setLine({ state: "waiting", why });
      timer = setTimeout(() => setAttempt((n) => n + 1), retryDelay(failures.current++));
    };
    const connect = async () => {
      setLine({ state: "connecting" });
      const isScreen = kind === "vnc";
      const terminalModule = isScreen ? undefined : await import("./terminal");
      const screenModule = isScreen ? await import("./screen") : undefined;
      if (abort.signal.aborted) return;
      if (terminalModule) terminal.current ??= terminalModule.openTerminal(parent, dark, text.console.kinds[kind]);
      const [columns, rows] = terminal.current?.size() ?? [80, 24];
      const ticket = await ticketFor(name, { kind, ...(!isScreen && { columns, rows }) }, abort.signal);
      if (abort.signal.aborted) return;
      setMode(ticket.mode);
      const opened = new Channel(ticket.url, heard);
      channel = opened;
      const up = () => {
        failures.current = 0;
        setLine({ state: "open" });
      };
      if (screenModule) {
        opened.onopen = null;
        const view = screenModule.openScreen(parent, opened, scaled, { connected: up, clipboard: setCopied });
        screen.current = view;
        const inner = opened.onclose;
        opened.onclose = (event) => {
          inner?.(event);
          closed(event.code, opened.ended);
        };
      } else {
        opened.onopen = () => {
          up();
          terminal.current?.attach(opened, ticket.mode === "writer");
          terminal.current?.focus();
        };
        opened.onclose = (event) => closed(event.code, opened.ended);
      }
      handle.current = { ctrlAltDel: () => screen.current?.sendCtrlAltDel(), take: () => opened.tell({ take: true }) };
    };
    connect().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      const problem = toProblem(error);
      if (problem.code === "unreachable" || problem.status === 503 || problem.status === 502) closed(4003, undefined);
      else if (problem.status !== 401) setLine({ state: "refused", problem });
    });
    return () => {
      abort.abort();
      if (timer) clearTimeout(timer);
      screen.current?.dispose();
      screen.current = undefined;
      channel?.close();
      handle.current = null;
    };
  }, [attempt, kind, name, signedIn]);

  useEffect(() => () => {
    terminal.current?.dispose();
    terminal.current = undefined;
  }, []);
  return { line, mode, by, copied, again: () => setAttempt((n) => n + 1), handle };
}

function Bar({ connection, kind, onFullscreen, scaled, setScaled }: { connection: Connection; kind: ConsoleKind; onFullscreen: () => void; scaled: boolean; setScaled: (on: boolean) => void }): ReactNode {
  const { line, mode, by, copied, handle } = connection;
  const open = line.state === "open";
  const looks = kind !== "vnc" && kind !== "log" && mode === "viewer" && open;
  return (
    <div className="lodge-console-bar" role="toolbar" aria-label={text.console.tools}>
      <span role="status">
        {line.state === "connecting" && <><Spinner size="sm" aria-hidden="true" /> {text.console.connecting}</>}
        {open && <Label color="green" isCompact>{text.console.connected}</Label>}
        {line.state === "waiting" && <Label color="orange" isCompact>{text.console.waiting}</Label>}
      </span>
      {looks && <><span>{by ? text.console.writes(by) : text.console.looksOnly}</span> <Button variant="link" isInline onClick={() => handle.current?.take()}>{text.console.take}</Button></>}
      <span className="lodge-spring" />
      {kind === "vnc" && copied && <Button variant="secondary" size="sm" onClick={() => void navigator.clipboard?.writeText(copied).catch(() => undefined)}>{text.console.copy}</Button>}
      {kind === "vnc" && <Button variant="secondary" size="sm" isDisabled={!open} onClick={() => handle.current?.ctrlAltDel()}>Ctrl+Alt+Del</Button>}
      {kind === "vnc" && <Button variant="secondary" size="sm" aria-pressed={scaled} onClick={() => setScaled(!scaled)}>{scaled ? text.console.unscaled : text.console.scaled}</Button>}
      <Button variant="secondary" size="sm" onClick={onFullscreen}>{text.console.fullscreen}</Button>
    </div>
  );
}

export function ConsoleView({ guest, kind }: { guest: Guest; kind: ConsoleKind }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const [scaled, setScaled] = useState(true);
  const connection = useConsole(guest, kind, place, scaled);
  const { line } = connection;
  return (
    <div ref={box} className="lodge-console">
      <Bar connection={connection} kind={kind} scaled={scaled} setScaled={setScaled} onFullscreen={() => void box.current?.requestFullscreen().catch(() => undefined)} />
      {line.state === "refused" && <><ProblemAlert problem={line.problem} /><Button variant="secondary" onClick={connection.again}>{text.console.again}</Button></>}
      {(line.state === "ended" || line.state === "waiting") && (
        <Alert variant={line.state === "ended" ? "info" : "warning"} isInline title={line.why} actionLinks={<Button variant="link" isInline onClick={connection.again}>{kind === "shell" ? text.console.newShell : text.console.again}</Button>} />
      )}
      <div ref={place} role="group" className={kind === "vnc" ? "lodge-screen" : "lodge-terminal"} aria-label={text.console.kinds[kind]} />
    </div>
  );
}
