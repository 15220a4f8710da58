// The host at a glance.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { DescriptionList } from "@pf/DescriptionList";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { PageSection } from "@pf/Page";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { Skeleton } from "@pf/Skeleton";
import { Gallery } from "@pf-layouts/Gallery";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { type ReactNode, useMemo } from "react";
import { Link, useNavigate } from "react-router";
import type { Guest, Node, Pool, Task } from "../api/generated";
import { TaskState } from "../components/State";
import { Term } from "../components/Term";
import { TaskObject } from "../components/TaskDrawer";
import { Ago } from "../components/Time";
import { byteRate, bytes, duration, percent } from "../models/format";
import { actionName } from "../models/guestTasks";
import { useAlarms } from "../state/alarms";
import { useCollection } from "../state/queries";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { PageHead } from "./PageHead";

export function Meter({ label, used, all, caption }: { label: string; used: number; all: number; caption: string }): ReactNode {
  const share = all > 0 ? used / all : 0;
  const variant = share > 0.97 ? "danger" as const : share > 0.9 ? "warning" as const : undefined;
  return <Progress title={label} value={Math.min(100, share * 100)} label={caption} size="sm" measureLocation={ProgressMeasureLocation.top} {...(variant && { variant })} />;
}

function HostCard({ node }: { node: Node | undefined }): ReactNode {
  if (!node) return <Card><CardTitle>{text.overview.host}</CardTitle><CardBody><Skeleton screenreaderText={text.common.loading} /></CardBody></Card>;
  const { cpu, memory, kvm, uptime, version, net, disk } = node.status;
  return (
    <Card>
      <CardTitle>{node.metadata.name}</CardTitle>
      <CardBody>
        <Stack hasGutter>
          {cpu && <StackItem><Meter label={text.overview.cpu} used={cpu.used} all={cpu.count} caption={`${percent(cpu.used / cpu.count)} · ${text.overview.cpus(cpu.count)}`} /></StackItem>}
          {memory && <StackItem><Meter label={text.overview.memory} used={memory.used} all={memory.total} caption={text.overview.inUse(bytes(memory.used), bytes(memory.total))} /></StackItem>}
          <StackItem>
            <DescriptionList isCompact columnModifier={{ default: "2Col" }}>
              <Term label={text.overview.load}>{cpu?.load.map((l) => l.toFixed(2)).join("  ")}</Term>
              <Term label={text.overview.uptime}>{uptime === undefined ? "–" : duration(uptime)}</Term>
              <Term label={text.overview.network}>↓ {byteRate(net?.rx ?? 0)} ↑ {byteRate(net?.tx ?? 0)}</Term>
              <Term label={text.overview.disk}>{byteRate((disk?.read ?? 0) + (disk?.write ?? 0))}</Term>
              <Term label={text.overview.kvm}>{kvm === undefined ? "–" : kvm ? text.overview.kvmYes : text.overview.kvmNo}</Term>
              <Term label={text.overview.version}>{version}</Term>
            </DescriptionList>
          </StackItem>
        </Stack>
      </CardBody>
    </Card>
  );
}

function GuestsCard({ guests }: { guests: readonly Guest[] }): ReactNode {
  const running = guests.filter((g) => g.status.state === "running").length;
  const stopped = guests.filter((g) => g.status.state === "stopped").length;
  const rows = [[text.overview.running, running, "running"], [text.overview.stopped, stopped, "stopped"], [text.overview.other, guests.length - running - stopped, ""]] as const;
  return (
    <Card>
      <CardTitle><Link to="/guests">{text.overview.guests}</Link></CardTitle>
      <CardBody>
        <DescriptionList isCompact isHorizontal>
          {rows.filter(([, n], i) => i < 2 || n > 0).map(([label, n, query]) => <Term key={label} label={label}><Link to={`/guests${query && `?q=${query}`}`}>{n}</Link></Term>)}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

/** Task names sort by the time at which they were made. */
function StorageCard({ pools }: { pools: readonly Pool[] }): ReactNode {
  return (
    <Card>
      <CardTitle><Link to="/storage">{text.overview.storage}</Link></CardTitle>
      <CardBody>
        <Stack hasGutter>
          {pools.map((p) => (
            <StackItem key={p.metadata.uuid}><Meter label={p.metadata.name} used={p.status.used ?? 0} all={p.status.size ?? 0} caption={text.overview.inUse(bytes(p.status.used ?? 0), bytes(p.status.size ?? 0))} /></StackItem>
          ))}
        </Stack>
      </CardBody>
    </Card>
  );
}

export function newest(tasks: readonly Task[], count: number): Task[] {
  return tasks.slice().sort((a, b) => (a.metadata.name < b.metadata.name ? 1 : -1)).slice(0, count);
}

export function Overview(): ReactNode {
  const node = useCollection("nodes").data?.items[0];
  const pools = useCollection("pools").data?.items;
  const guests = useCollection("guests").data?.items;
  const all = useCollection("tasks").data?.items;
  const tasks = useMemo(() => newest(all ?? [], 8), [all]);
  const alarms = useAlarms();
  const navigate = useNavigate();
  const mayCreate = useMay("guests.create");
  const see = { nodes: useMay("nodes.read"), guests: useMay("guests.read"), pools: useMay("pools.read") };
  return (
    <>
      <PageHead title={text.overview.title} />
      <PageSection hasBodyWrapper={false}>
        <Stack hasGutter>
          {alarms.map((a) => <StackItem key={a.id}><Alert variant={a.severity} isInline title={a.title}>{a.hint}</Alert></StackItem>)}
          {guests?.length === 0 && mayCreate && (
            <StackItem>
              <Card><CardBody>
                <EmptyState titleText={text.overview.welcome} headingLevel="h2" variant="sm">
                  <EmptyStateBody>{text.overview.welcomeBody}</EmptyStateBody>
                  <EmptyStateFooter><EmptyStateActions><Button variant="primary" onClick={() => void navigate("/guests/new")}>{text.guests.create}</Button></EmptyStateActions></EmptyStateFooter>
                </EmptyState>
              </CardBody></Card>
            </StackItem>
          )}
          <StackItem>
            <Gallery hasGutter minWidths={{ default: "20rem" }} className="lodge-cards">
              {see.nodes && <HostCard node={node} />}
              {see.guests && <GuestsCard guests={guests ?? []} />}
              {see.pools && <StorageCard pools={pools ?? []} />}
              <Card>
                <CardTitle><Link to="/activity">{text.overview.tasks}</Link></CardTitle>
                <CardBody>
                  {!tasks.length && text.tasks.empty}
                  <Stack hasGutter>
                    {tasks.map((t) => <StackItem key={t.metadata.uuid}><TaskState state={t.status.state} /> {actionName(t.spec.action)} <TaskObject task={t} /> <small><Ago time={t.status.ended ?? t.metadata.created} /></small></StackItem>)}
                  </Stack>
                </CardBody>
              </Card>
            </Gallery>
          </StackItem>
        </Stack>
      </PageSection>
    </>
  );
}
