// A guest at a glance: what it does and why, what it has, what it uses.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { DescriptionList } from "@pf/DescriptionList";
import { PageSection } from "@pf/Page";
import { Gallery } from "@pf-layouts/Gallery";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { LockIcon } from "@pf-icons/lock-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { fields, type Guest } from "../api/generated";
import { bytes } from "../models/format";
import { fieldTitle } from "../models/guestForm";
import type { Sample } from "../models/history";
import { possible } from "../models/power";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { CopyText } from "./CopyText";
import { actOn } from "./GuestActions";
import { GuestFigures } from "./GuestFigures";
import { Labels } from "./Labels";
import { GuestState } from "./State";
import { Term } from "./Term";
import { Ago, For } from "./Time";

function Pending({ guest }: { guest: Guest }): ReactNode {
  const may = useMay("guests.power");
  const waiting = guest.status.pending_restart;
  if (!waiting?.length) return null;
  const able = may && !guest.status.task && possible(guest.status.state, guest.spec.type).includes("reboot");
  return (
    <Alert variant="warning" isInline title={text.guest.pending} actionLinks={able && <Button variant="link" isInline onClick={() => void actOn(guest, "reboot")}>{text.guest.reboot}</Button>}>
      {text.guest.pendingBody(waiting.map((p) => fieldTitle(p, guest.spec)).join(", "))}
    </Alert>
  );
}

function StateCard({ guest }: { guest: Guest }): ReactNode {
  const { status } = guest;
  const why = [status.cause && text.guest.causes[status.cause], status.detail].filter(Boolean).join(": ");
  return (
    <Card>
      <CardTitle component="h2">{text.guest.state}</CardTitle>
      <CardBody>
        <DescriptionList isCompact columnModifier={{ default: "2Col" }}>
          <Term label={text.guest.state}><GuestState status={status} /></Term>
          <Term label={status.state === "running" ? text.guest.uptime : text.guest.since}>{status.state === "running" ? <For since={status.since} /> : <Ago time={status.since} />}</Term>
          <Term label={text.guest.cause}>{why || "–"}</Term>
          <Term label={text.guest.desired}>{text.guest.desiredBy(text.guest.desiredStates[status.desired.state], text.guest.desires[status.desired.cause])}</Term>
          <Term label={text.guest.addresses}>{status.addresses.length ? status.addresses.map((a) => <div key={a}><CopyText value={a} label={text.guest.copyAddress(a)} /></div>) : text.guest.noAddresses}</Term>
          <Term label={text.guest.node}><Link to={`/nodes/${encodeURIComponent(status.node)}`}><bdi>{status.node}</bdi></Link></Term>
          {guest.spec.type === "vm" && <Term label={text.guest.accelerator}>{status.accelerator ? text.guest.accelerators[status.accelerator] : "–"}</Term>}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

function FactsCard({ guest }: { guest: Guest }): ReactNode {
  const { metadata, spec, status } = guest;
  const run = spec.run ?? fields.guest_spec.run.default;
  return (
    <Card>
      <CardTitle component="h2">{text.guest.hardware}</CardTitle>
      <CardBody>
        <DescriptionList isCompact columnModifier={{ default: "2Col" }}>
          <Term label={text.guest.cores}>{spec.cpu?.cores ?? fields.guest_cpu.cores.default}</Term>
          <Term label={text.guest.memory}>{bytes(spec.memory ?? fields.guest_spec.memory.default)}</Term>
          <Term label={text.guest.disks}>{status.disks.length ? status.disks.map((d) => <div key={d.name}><bdi>{d.name}</bdi> · {bytes(d.size)}</div>) : text.common.none}</Term>
          <Term label={text.guest.nics}>
            {spec.nics?.length ? spec.nics.map((n) => <div key={n.name}><bdi>{n.name}</bdi> · {n.network ?? fields.guest_nic_spec.network.default}<br /><code>{n.mac ?? status.nics.find((s) => s.name === n.name)?.mac}</code></div>) : text.common.none}
          </Term>
          <Term label={text.guest.run}>{text.guest.runs[run]}</Term>
          <Term label={text.guest.protection}>{spec.protection ? <><LockIcon /> {text.guest.protected}</> : text.guest.unprotected}</Term>
          <Term label={text.common.created}><Ago time={metadata.created} /></Term>
          <Term label={text.common.modified}><Ago time={metadata.modified} /></Term>
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

export function GuestOverview({ guest, samples }: { guest: Guest; samples: readonly Sample[] }): ReactNode {
  const { metadata, status } = guest;
  return (
    <PageSection hasBodyWrapper={false}>
      <Stack hasGutter>
        {guest.status.pending_restart?.length ? <StackItem><Pending guest={guest} /></StackItem> : null}
        {status.accelerator === "tcg" && <StackItem><Alert variant="warning" isInline isExpandable title={text.guest.slow}>{text.guest.slowBody}</Alert></StackItem>}
        {(status.state === "crashed" || status.state === "blocked") && (
          <StackItem><Alert variant="danger" isInline title={text.alarms[status.state](metadata.name)}>{status.detail && <p>{status.detail}</p>}<p>{status.state === "crashed" ? text.alarms.crashedHint : text.alarms.blockedHint}</p></Alert></StackItem>
        )}
        {metadata.description && <StackItem className="lodge-lines">{metadata.description}</StackItem>}
        {Object.keys(metadata.labels).length > 0 && <StackItem><Labels labels={metadata.labels} max={20} /></StackItem>}
        {status.state === "running" && <StackItem><GuestFigures guest={guest} samples={samples} /></StackItem>}
        <StackItem>
          <Gallery hasGutter minWidths={{ default: "min(24rem, 100%)" }} className="lodge-cards"><StateCard guest={guest} /><FactsCard guest={guest} /></Gallery>
        </StackItem>
      </Stack>
    </PageSection>
  );
}
