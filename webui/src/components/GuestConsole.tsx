// What a guest shows and says: its screen, its serial port, a shell in it, and its log when it does not run.
import { Button } from "@pf/Button";
import { CodeBlock, CodeBlockAction, CodeBlockCode } from "@pf/CodeBlock";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { PageSection } from "@pf/Page";
import { Title } from "@pf/Title";
import { ToggleGroup, ToggleGroupItem } from "@pf/ToggleGroup";
import { SyncAltIcon } from "@pf-icons/sync-alt-icon";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { useSearchParams } from "react-router";
import { item, textOf } from "../api/client";
import type { Guest } from "../api/generated";
import { toProblem } from "../api/problem";
import { isReachable, kindsOf } from "../models/console";
import { plainLog } from "../models/log";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { ConsoleView } from "./console/ConsoleView";
import { actOn } from "./GuestActions";
import { ProblemAlert } from "./Problem";

/** What it wrote to its console, as it was when it was asked for. */
export function GuestLog({ guest }: { guest: Guest }): ReactNode {
  const end = useRef<HTMLDivElement>(null);
  const log = useQuery<string>({
    queryKey: ["guest-log", guest.metadata.uuid],
    queryFn: ({ signal }) => textOf(`${item("guests", guest.metadata.name)}/log`, signal),
    staleTime: 0, gcTime: 0,
  });
  useEffect(() => { end.current?.scrollTo({ top: end.current.scrollHeight }); }, [log.data]);
  const again = (
    <CodeBlockAction>
      <Button variant="plain" size="sm" aria-label={text.guest.logAgain} icon={<SyncAltIcon />} isLoading={log.isFetching} onClick={() => void log.refetch()} />
    </CodeBlockAction>
  );
  return (
    <section aria-label={text.guest.log}>
      <Title headingLevel="h2" size="lg" className="lodge-section-title">{text.guest.log}</Title>
      {log.error && <ProblemAlert problem={toProblem(log.error)} />}
      <CodeBlock actions={again}>
        <div ref={end} className="lodge-log-box" tabIndex={0} role="log" aria-label={text.guest.log}>
          <CodeBlockCode className="lodge-log">{log.data === undefined ? text.common.loading : plainLog(log.data) || text.guest.noLog}</CodeBlockCode>
        </div>
      </CodeBlock>
    </section>
  );
}

/** The kind stands in the address, so that a link opens the same. */
export function GuestConsole({ guest }: { guest: Guest }): ReactNode {
  const [params, setParams] = useSearchParams();
  const kinds = kindsOf(guest.spec.type);
  const kind = kinds.find((k) => k === params.get("kind")) ?? kinds[0] ?? "log";
  const mayStart = useMay("guests.power");
  return (
    <PageSection hasBodyWrapper={false} isFilled className="lodge-fill">
      <ToggleGroup aria-label={text.console.kind} className="lodge-console-kinds">
        {kinds.map((k) => <ToggleGroupItem key={k} buttonId={`console-${k}`} text={text.console.kinds[k]} isSelected={k === kind} onChange={() => setParams({ kind: k }, { replace: true })} />)}
      </ToggleGroup>
      {isReachable(kind, guest) ? <ConsoleView key={`${guest.metadata.uuid} ${kind}`} guest={guest} kind={kind} /> : (
        <>
          <EmptyState titleText={text.console.off(guest.metadata.name)} headingLevel="h2" variant="sm">
            <EmptyStateBody>{text.console.offBody}</EmptyStateBody>
            <EmptyStateFooter><EmptyStateActions><Button isDisabled={!mayStart || guest.status.task !== undefined} onClick={() => void actOn(guest, "start")}>{text.guests.actions.start}</Button></EmptyStateActions></EmptyStateFooter>
          </EmptyState>
          <GuestLog guest={guest} />
        </>
      )}
    </PageSection>
  );
}
