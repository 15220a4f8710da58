// One list for virtual machines and containers.
import { Button } from "@pf/Button";
import { PageSection } from "@pf/Page";
import { ToggleGroup, ToggleGroupItem } from "@pf/ToggleGroup";
import { ToolbarItem } from "@pf/Toolbar";
import { CubeIcon } from "@pf-icons/cube-icon";
import { CubesIcon } from "@pf-icons/cubes-icon";
import { DesktopIcon } from "@pf-icons/desktop-icon";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { removal } from "../api/client";
import type { Guest } from "../api/generated";
import { actOn, GuestRowMenu, RoughDialog } from "../components/GuestActions";
import { FormDialog } from "../components/Dialogs";
import { Labels } from "../components/Labels";
import { Forbidden, ProblemState } from "../components/Problem";
import { type Column, ResourceTable } from "../components/ResourceTable";
import { GuestState } from "../components/State";
import { For } from "../components/Time";
import { bytes, byteRate, percent } from "../models/format";
import { guestPath } from "../models/palette";
import { able, type Verb } from "../models/power";
import { useCollection } from "../state/queries";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { PageHead } from "./PageHead";

export function GuestName({ guest }: { guest: Guest }): ReactNode {
  const Icon = guest.spec.type === "vm" ? DesktopIcon : CubeIcon;
  return <><Icon title={text.guests.types[guest.spec.type]} className="lodge-kind" /> <Link to={guestPath(guest.metadata.name)}><bdi>{guest.metadata.name}</bdi></Link></>;
}

const columns: readonly Column<Guest>[] = [
  { id: "name", label: text.guests.columns.name, cell: (g) => <GuestName guest={g} />, sort: (g) => g.metadata.name },
  { id: "state", label: text.guests.columns.state, cell: (g) => <GuestState status={g.status} />, sort: (g) => g.status.state, width: 12 },
  { id: "addresses", label: text.guests.columns.addresses, cell: (g) => g.status.addresses.join(", "), sort: (g) => g.status.addresses[0], width: 12 },
  { id: "cpu", label: text.guests.columns.cpu, cell: (g) => (g.status.cpu ? percent(g.status.cpu.used / (g.spec.cpu?.cores ?? 1)) : ""), sort: (g) => g.status.cpu?.used, width: 7, end: true },
  { id: "memory", label: text.guests.columns.memory, cell: (g) => memoryOf(g), sort: (g) => g.status.memory?.used ?? g.spec.memory, width: 14, end: true },
  { id: "labels", label: text.guests.columns.labels, cell: (g) => <Labels labels={g.metadata.labels} />, width: 17 },
  { id: "uptime", label: text.guests.columns.uptime, cell: (g) => (g.status.state === "running" ? <For since={g.status.since} /> : ""), sort: (g) => (g.status.state === "running" ? g.status.since : undefined), width: 8 },
  { id: "type", label: text.guests.columns.type, cell: (g) => text.guests.types[g.spec.type], sort: (g) => g.spec.type, hidden: true, width: 9 },
  { id: "node", label: text.guests.columns.node, cell: (g) => g.status.node, sort: (g) => g.status.node, hidden: true, width: 8 },
  { id: "disk", label: text.guests.columns.disk, cell: (g) => (g.status.disk ? byteRate(g.status.disk.read + g.status.disk.write) : ""), sort: (g) => (g.status.disk ? g.status.disk.read + g.status.disk.write : undefined), hidden: true, width: 8, end: true },
  { id: "description", label: text.guests.columns.description, cell: (g) => g.metadata.description ?? "", sort: (g) => g.metadata.description, hidden: true, width: 14 },
];

const menuOf = (guest: Guest) => <GuestRowMenu guest={guest} />;

function memoryOf(guest: Guest): string {
  const all = guest.spec.memory ?? 512 * 1024 * 1024;
  return guest.status.memory ? `${bytes(guest.status.memory.used)} / ${bytes(all)}` : bytes(all);
}

function searchable(guest: Guest): string {
  const { name, labels, description } = guest.metadata;
  return [name, ...guest.status.addresses, ...Object.entries(labels).map(([k, v]) => `${k}=${v}`), text.guests.states[guest.status.state], description ?? ""].join(" ").toLowerCase();
}

function Bulk({ guests, clear }: { guests: readonly Guest[]; clear: () => void }): ReactNode {
  const [asking, setAsking] = useState<Verb | "delete">();
  const power = useMay("guests.power");
  const remove = useMay("guests.delete");
  const act = (verb: Verb) => {
    for (const guest of able(guests, verb)) void actOn(guest, verb);
    clear();
  };
  const done = () => { setAsking(undefined); clear(); };
  const stopped = guests.filter((g) => ["stopped", "crashed"].includes(g.status.state) && !g.spec.protection);
  return (
    <>
      {(["start", "shutdown"] as const).map((verb) => (
        <ToolbarItem key={verb}><Button variant="secondary" isDisabled={!power || !able(guests, verb).length} onClick={() => act(verb)}>{text.guests.actions[verb]}</Button></ToolbarItem>
      ))}
      <ToolbarItem><Button variant="secondary" isDanger isDisabled={!power || !able(guests, "stop").length} onClick={() => setAsking("stop")}>{text.guests.actions.stop}</Button></ToolbarItem>
      <ToolbarItem><Button variant="secondary" isDanger isDisabled={!remove || !stopped.length} onClick={() => setAsking("delete")}>{text.guests.actions.delete}</Button></ToolbarItem>
      {asking === "stop" && <RoughDialog guests={able(guests, "stop")} verb="stop" onClose={done} />}
      {asking === "delete" && (
        <FormDialog
          title={text.guests.bulk(text.guests.actions.delete, stopped.length)} submit={text.guests.actions.delete} danger size="small" busy={false} problem={undefined} onClose={() => setAsking(undefined)}
          onSubmit={() => { for (const g of stopped) void sendOrTell(removal("guests", g.metadata.name), text.guests.failed(text.guests.actions.delete, g.metadata.name)); done(); }}
        >
          <p>{text.guests.deleteLost}</p>
          <ul>{stopped.map((g) => <li key={g.metadata.uuid}><bdi>{g.metadata.name}</bdi></li>)}</ul>
        </FormDialog>
      )}
    </>
  );
}

function TypeFilter(): ReactNode {
  const [params, setParams] = useSearchParams();
  const now = params.get("type") ?? "";
  return (
    <ToolbarItem>
      <ToggleGroup aria-label={text.common.type}>
        {(["", "vm", "container"] as const).map((type) => (
          <ToggleGroupItem
            key={type} buttonId={`type-${type || "all"}`} text={type ? `${text.guests.types[type]}s` : text.common.all} isSelected={now === type}
            onChange={() => setParams((before) => { const after = new URLSearchParams(before); if (type) after.set("type", type); else after.delete("type"); return after; }, { replace: true })}
          />
        ))}
      </ToggleGroup>
    </ToolbarItem>
  );
}

export function Guests(): ReactNode {
  const guests = useCollection("guests");
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const mayRead = useMay("guests.read");
  const mayCreate = useMay("guests.create");
  const type = params.get("type");
  const create = <Button variant="primary" isDisabled={!mayCreate} onClick={() => void navigate("/guests/new")}>{text.guests.create}</Button>;
  return (
    <>
      <PageHead title={text.guests.title} actions={create} />
      <PageSection hasBodyWrapper={false} isFilled className="lodge-fill">
        {!mayRead ? <Forbidden permission="guests.read" /> : guests.error ? <ProblemState error={guests.error} retry={() => void guests.refetch()} /> : (
          <ResourceTable
            id="guests" what={text.guests.title.toLowerCase()} items={guests.data?.items} columns={columns} searchable={searchable} filterHint={text.guests.filterHint}
            {...(type && { keep: (g: Guest) => g.spec.type === type })} filters={<TypeFilter />}
            empty={{ title: text.guests.empty, body: text.guests.emptyBody, action: create, icon: CubesIcon }}
            bulk={(selected, clear) => <Bulk guests={selected} clear={clear} />} rowActions={menuOf}
          />
        )}
      </PageSection>
    </>
  );
}
