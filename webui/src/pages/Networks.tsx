// Segments that guests are plugged into.
import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router";
import { removal } from "../api/client";
import type { Guest, Network } from "../api/generated";
import { DeleteDialog } from "../components/Dialogs";
import type { Column } from "../components/ResourceTable";
import { RowMenu } from "../components/RowMenu";
import { ResourceDialog } from "../components/SpecForm";
import { networkChange, networkEdit, networkFields, networkValues } from "../models/resources";
import { useCollection } from "../state/queries";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { CreateButton, KindList } from "./common";
import { PageHead } from "./PageHead";

/** How many NICs are plugged into each network. */
export function nicsByNetwork(guests: readonly Guest[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const guest of guests)
    for (const nic of guest.spec.nics ?? []) {
      const network = nic.network ?? "default";
      found.set(network, (found.get(network) ?? 0) + 1);
    }
  return found;
}

function columnsWith(nics: Map<string, number>): readonly Column<Network>[] {
  return [
    { id: "name", label: text.common.name, cell: (n) => <bdi>{n.metadata.name}</bdi>, sort: (n) => n.metadata.name },
    { id: "kind", label: text.common.kind, cell: (n) => n.spec.kind, sort: (n) => n.spec.kind, width: 7 },
    { id: "address", label: text.networks.address, cell: (n) => n.status.address ?? "", sort: (n) => n.status.address, width: 12 },
    { id: "dhcp", label: text.networks.dhcp, cell: (n) => (n.status.dhcp ? `${n.status.dhcp.from} – ${n.status.dhcp.to}` : ""), width: 16 },
    { id: "bridge", label: text.networks.bridge, cell: (n) => n.status.bridge, sort: (n) => n.status.bridge, width: 9 },
    { id: "guests", label: text.networks.guests, cell: (n) => <Link to="/guests">{nics.get(n.metadata.name) ?? 0}</Link>, sort: (n) => nics.get(n.metadata.name) ?? 0, width: 7, end: true },
    { id: "domain", label: text.networks.domain, cell: (n) => n.spec.domain ?? "", sort: (n) => n.spec.domain, width: 10, hidden: true },
    { id: "mtu", label: text.networks.mtu, cell: (n) => n.spec.mtu ?? 1500, sort: (n) => n.spec.mtu ?? 1500, width: 6, hidden: true, end: true },
    { id: "description", label: text.common.description, cell: (n) => n.metadata.description ?? "", sort: (n) => n.metadata.description, width: 14, hidden: true },
  ];
}

function NetworkMenu({ network }: { network: Network }): ReactNode {
  const [open, setOpen] = useState<"edit" | "delete">();
  const update = useMay("networks.update");
  const remove = useMay("networks.delete");
  const { name } = network.metadata;
  return (
    <>
      <RowMenu rows={() => [
        { title: text.common.edit, isDisabled: !update, onClick: () => setOpen("edit") },
        "-" as const,
        { title: text.common.delete, isDanger: true, isDisabled: !remove, onClick: () => setOpen("delete") },
      ]} />
      {open === "edit" && <ResourceDialog title={`${text.common.edit}: ${name}`} submit={text.common.save} fields={networkFields} initial={networkValues(network)} editing planned change={(v) => networkEdit(network, v)} onClose={() => setOpen(undefined)} />}
      {open === "delete" && <DeleteDialog kind={text.networks.one} name={name} lost={text.networks.lost} change={() => removal("networks", name)} onClose={() => setOpen(undefined)} />}
    </>
  );
}

export function Networks(): ReactNode {
  const [adding, setAdding] = useState(false);
  const guests = useCollection("guests").data?.items;
  const columns = useMemo(() => columnsWith(nicsByNetwork(guests ?? [])), [guests]);
  const add = <CreateButton permission="networks.create" label={text.networks.add} onClick={() => setAdding(true)} />;
  return (
    <>
      <PageHead title={text.networks.title} actions={add} />
      <KindList
        kind="networks" what={text.networks.title.toLowerCase()} columns={columns} searchable={(n) => [n.metadata.name, n.spec.kind, n.status.bridge, n.status.address ?? ""].join(" ").toLowerCase()}
        rowActions={(n) => <NetworkMenu network={n} />} empty={{ title: text.networks.empty, body: text.networks.emptyBody, action: add }}
      />
      {adding && <ResourceDialog title={text.networks.add} submit={text.common.create} fields={networkFields} initial={{ kind: "nat" }} change={networkChange} onClose={() => setAdding(false)} />}
    </>
  );
}
