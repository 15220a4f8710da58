// Hosts: today this one.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { DescriptionList } from "@pf/DescriptionList";
import { Label } from "@pf/Label";
import { PageSection } from "@pf/Page";
import { Switch } from "@pf/Switch";
import { Table, Tbody, Td, Th, Thead, Tr } from "@pf-table/Table";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { action, edit, get, item } from "../api/client";
import type { Node, OrphanList } from "../api/generated";
import { FormDialog } from "../components/Dialogs";
import { Forbidden, ProblemState } from "../components/Problem";
import { PlainState } from "../components/State";
import { Term } from "../components/Term";
import { byteRate, bytes, duration, percent } from "../models/format";
import { useCollection } from "../state/queries";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { Meter } from "./Overview";
import { PageHead } from "./PageHead";

function Orphans({ node }: { node: Node }): ReactNode {
  const orphans = useQuery({ queryKey: ["orphans", node.metadata.name, node.status.tasks ?? 0], queryFn: ({ signal }) => get<OrphanList>("orphan_list", `${item("nodes", node.metadata.name)}/orphans`, { signal }) });
  const items = orphans.data?.items ?? [];
  return (
    <Card>
      <CardTitle>{text.nodes.orphans}</CardTitle>
      <CardBody>
        <p>{items.length ? text.nodes.orphansHelp : text.nodes.noOrphans}</p>
        {items.length > 0 && (
          <Table variant="compact" aria-label={text.nodes.orphans}>
            <Thead><Tr><Th>{text.nodes.step}</Th><Th>{text.nodes.error}</Th></Tr></Thead>
            <Tbody>{items.map((o, i) => <Tr key={i}><Td>{o.step}</Td><Td modifier="breakWord">{o.error}</Td></Tr>)}</Tbody>
          </Table>
        )}
      </CardBody>
    </Card>
  );
}

function NodeCard({ node }: { node: Node }): ReactNode {
  const [asking, setAsking] = useState(false);
  const update = useMay("nodes.update");
  const power = useMay("nodes.power");
  const { name } = node.metadata;
  const { cpu, memory, disk, net, kvm, uptime, version, tasks, warnings } = node.status;
  return (
    <Stack hasGutter>
      {warnings?.map((w) => <StackItem key={w}><Alert variant="warning" isInline title={w} /></StackItem>)}
      <StackItem>
        <Card>
          <CardTitle>{name} <PlainState state={node.status.state} /> {node.spec.maintenance && <Label color="orange" isCompact>{text.nodes.maintenanceOn}</Label>}</CardTitle>
          <CardBody>
            <Stack hasGutter>
              {cpu && <StackItem><Meter label={text.overview.cpu} used={cpu.used} all={cpu.count} caption={`${percent(cpu.used / cpu.count)} · ${text.overview.cpus(cpu.count)}`} /></StackItem>}
              {memory && <StackItem><Meter label={text.overview.memory} used={memory.used} all={memory.total} caption={text.overview.inUse(bytes(memory.used), bytes(memory.total))} /></StackItem>}
              <StackItem>
                <DescriptionList isCompact columnModifier={{ default: "1Col", md: "3Col" }}>
                  <Term label={text.overview.load}>{cpu?.load.map((l) => l.toFixed(2)).join("  ") ?? "–"}</Term>
                  <Term label={text.overview.uptime}>{uptime === undefined ? "–" : duration(uptime)}</Term>
                  <Term label={text.nodes.tasks}>{tasks ?? 0}</Term>
                  <Term label={text.overview.network}>↓ {byteRate(net?.rx ?? 0)} ↑ {byteRate(net?.tx ?? 0)}</Term>
                  <Term label={text.overview.disk}>{byteRate((disk?.read ?? 0) + (disk?.write ?? 0))}</Term>
                  <Term label={text.overview.kvm}>{kvm === undefined ? "–" : kvm ? text.overview.kvmYes : text.overview.kvmNo}</Term>
                  <Term label={text.overview.version}>{version}</Term>
                  <Term label={text.common.uuid}><code>{node.metadata.uuid}</code></Term>
                </DescriptionList>
              </StackItem>
              <StackItem>
                <Switch
                  id={`maintenance-${name}`} label={`${text.nodes.maintenance}: ${text.nodes.maintenanceHelp}`} isChecked={node.spec.maintenance ?? false} isDisabled={!update}
                  onChange={(_, on) => void sendOrTell(edit("nodes", name, { spec: { maintenance: on } }), text.nodes.maintenance)}
                />
              </StackItem>
              <StackItem><Button variant="secondary" isDanger isDisabled={!power} onClick={() => setAsking(true)}>{text.nodes.shutdownGuests}</Button></StackItem>
            </Stack>
          </CardBody>
        </Card>
      </StackItem>
      <StackItem><Orphans node={node} /></StackItem>
      {asking && (
        <FormDialog
          title={`${text.nodes.shutdownGuests}?`} submit={text.nodes.shutdownGuests} danger size="small" busy={false} problem={undefined} onClose={() => setAsking(false)}
          onSubmit={() => { void sendOrTell(action("nodes", name, "shutdown-guests"), text.nodes.shutdownGuests); setAsking(false); }}
        >
          <p>{text.nodes.shutdownGuestsHelp}</p>
        </FormDialog>
      )}
    </Stack>
  );
}

export function Nodes(): ReactNode {
  const nodes = useCollection("nodes");
  const mayRead = useMay("nodes.read");
  return (
    <>
      <PageHead title={text.nodes.title} />
      <PageSection hasBodyWrapper={false}>
        {!mayRead ? <Forbidden permission="nodes.read" /> : nodes.error ? <ProblemState error={nodes.error} retry={() => void nodes.refetch()} /> : nodes.data?.items.map((n) => <NodeCard key={n.metadata.uuid} node={n} />)}
      </PageSection>
    </>
  );
}
