// Pools, their volumes, and the trash.
import { Button } from "@pf/Button";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { action, removal } from "../api/client";
import type { Pool, Volume } from "../api/generated";
import { DeleteDialog } from "../components/Dialogs";
import type { Column } from "../components/ResourceTable";
import { RowMenu } from "../components/RowMenu";
import { ResourceDialog } from "../components/SpecForm";
import { SubNav } from "../components/SubNav";
import { PlainState } from "../components/State";
import { Ago } from "../components/Time";
import { bytes } from "../models/format";
import { guestPath } from "../models/palette";
import { poolChange, poolEdit, poolFields, poolValues, resizeFields, volumeChange, volumeFields, volumeResize } from "../models/resources";
import { useCollection } from "../state/queries";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { CreateButton, KindList } from "./common";
import { PageHead } from "./PageHead";

const poolColumns: readonly Column<Pool>[] = [
  { id: "name", label: text.common.name, cell: (p) => <Link to={`/storage/volumes?q=${encodeURIComponent(p.metadata.name)}`}><bdi>{p.metadata.name}</bdi></Link>, sort: (p) => p.metadata.name },
  { id: "state", label: text.common.state, cell: (p) => <PlainState state={p.status.state} />, sort: (p) => p.status.state, width: 9 },
  { id: "kind", label: text.common.kind, cell: (p) => p.spec.kind, sort: (p) => p.spec.kind, width: 6 },
  { id: "path", label: text.storage.path, cell: (p) => <bdi>{p.spec.path ?? ""}</bdi>, sort: (p) => p.spec.path, width: 14 },
  { id: "used", label: text.common.used, cell: (p) => <Use pool={p} />, sort: (p) => (p.status.size ? (p.status.used ?? 0) / p.status.size : undefined), width: 16 },
  { id: "free", label: text.common.free, cell: (p) => (p.status.free === undefined ? "" : bytes(p.status.free)), sort: (p) => p.status.free, width: 8, end: true },
];

function Use({ pool }: { pool: Pool }): ReactNode {
  const { used, size } = pool.status;
  if (!size || used === undefined) return "–";
  return <Progress aria-label={text.overview.inUse(bytes(used), bytes(size))} value={(used / size) * 100} size="sm" measureLocation={ProgressMeasureLocation.outside} {...(used / size > 0.9 && { variant: "warning" as const })} />;
}

function PoolMenu({ pool }: { pool: Pool }): ReactNode {
  const [open, setOpen] = useState<"edit" | "delete">();
  const update = useMay("pools.update");
  const remove = useMay("pools.delete");
  return (
    <>
      <RowMenu rows={() => [
        { title: text.common.edit, isDisabled: !update, onClick: () => setOpen("edit") },
        "-" as const,
        { title: text.common.delete, isDanger: true, isDisabled: !remove, onClick: () => setOpen("delete") },
      ]} />
      {open === "edit" && <ResourceDialog title={`${text.common.edit}: ${pool.metadata.name}`} submit={text.common.save} fields={poolFields} initial={poolValues(pool)} editing change={(v) => poolEdit(pool, v)} onClose={() => setOpen(undefined)} />}
      {open === "delete" && <DeleteDialog kind={text.storage.pool} name={pool.metadata.name} lost={text.storage.lostPool} change={() => removal("pools", pool.metadata.name)} onClose={() => setOpen(undefined)} />}
    </>
  );
}

const inUse = (v: Volume) => v.status.state !== "trashed";
const trashed = (v: Volume) => v.status.state === "trashed";
const volumeSearch = (v: Volume) => [v.metadata.name, v.spec.pool ?? "local", v.status.guest ?? "", v.status.state].join(" ").toLowerCase();

const volumeColumns: readonly Column<Volume>[] = [
  { id: "name", label: text.common.name, cell: (v) => <bdi>{v.metadata.name}</bdi>, sort: (v) => v.metadata.name },
  { id: "state", label: text.common.state, cell: (v) => <PlainState state={v.status.state} />, sort: (v) => v.status.state, width: 9 },
  { id: "guest", label: text.storage.guest, cell: (v) => v.status.guest && <Link to={guestPath(v.status.guest)}><bdi>{v.status.guest}</bdi></Link>, sort: (v) => v.status.guest, width: 12 },
  { id: "size", label: text.common.size, cell: (v) => bytes(v.spec.size), sort: (v) => v.spec.size, width: 8, end: true },
  { id: "pool", label: text.storage.poolOf, cell: (v) => v.spec.pool ?? "local", sort: (v) => v.spec.pool ?? "local", width: 9 },
  { id: "content", label: text.storage.content, cell: (v) => text.storage.contents[v.spec.content ?? "disk"], sort: (v) => v.spec.content, width: 10 },
  { id: "created", label: text.common.created, cell: (v) => <Ago time={v.metadata.created} />, sort: (v) => v.metadata.created, width: 11, hidden: true },
];

const trashColumns: readonly Column<Volume>[] = [
  { id: "name", label: text.common.name, cell: (v) => <bdi>{v.metadata.name}</bdi>, sort: (v) => v.metadata.name },
  { id: "size", label: text.common.size, cell: (v) => bytes(v.spec.size), sort: (v) => v.spec.size, width: 8, end: true },
  { id: "pool", label: text.storage.poolOf, cell: (v) => v.spec.pool ?? "local", sort: (v) => v.spec.pool ?? "local", width: 10 },
  { id: "trashed", label: text.storage.trashed, cell: (v) => <Ago time={v.status.trashed} />, sort: (v) => v.status.trashed, width: 11 },
  { id: "purged", label: text.storage.purgedAfter, cell: (v) => <Ago time={v.status.purged_after} />, sort: (v) => v.status.purged_after, width: 11 },
];

function VolumeMenu({ volume }: { volume: Volume }): ReactNode {
  const [open, setOpen] = useState<"resize" | "delete">();
  const update = useMay("volumes.update");
  const remove = useMay("volumes.delete");
  const { name } = volume.metadata;
  const undelete = async () => {
    if (await sendOrTell(action("volumes", name, "undelete"), text.storage.failedUndelete)) addToast({ variant: "success", title: text.storage.restored(name.replace(/\.trash-.*$/, "")) });
  };
  const isTrashed = trashed(volume);
  return (
    <>
      <RowMenu rows={() => [
        ...(isTrashed
          ? [{ title: text.storage.undelete, isDisabled: !update, onClick: () => void undelete() }]
          : [{ title: text.storage.resize, isDisabled: !update, onClick: () => setOpen("resize") }]),
        "-" as const,
        { title: isTrashed ? text.storage.purge : text.common.delete, isDanger: true, isDisabled: !remove || volume.status.guest !== undefined, onClick: () => setOpen("delete") },
      ]} />
      {open === "resize" && (
        <ResourceDialog title={`${text.storage.resize}: ${name}`} submit={text.common.save} fields={resizeFields} initial={{ size: bytes(volume.spec.size) }} editing planned change={(v) => volumeResize(volume, v)} onClose={() => setOpen(undefined)} />
      )}
      {open === "delete" && (
        <DeleteDialog
          kind={text.storage.volume} name={name} lost={isTrashed ? text.storage.purgeLost : text.storage.lostVolume} options={isTrashed ? [] : [{ id: "purge", label: text.storage.purgeOption }]}
          change={(o) => removal("volumes", name, isTrashed || o.has("purge") ? { purge: true } : undefined)} onClose={() => setOpen(undefined)}
        />
      )}
    </>
  );
}

function CreateVolume({ onClose }: { onClose: () => void }): ReactNode {
  const pools = useCollection("pools").data?.items ?? [];
  const images = useCollection("images").data?.items ?? [];
  return <ResourceDialog title={text.storage.addVolume} submit={text.common.create} fields={volumeFields(pools, images)} initial={{ pool: pools[0]?.metadata.name ?? "", content: "disk", size: "10 GiB" }} change={volumeChange} onClose={onClose} />;
}

export function Storage(): ReactNode {
  const { tab = "pools" } = useParams();
  const navigate = useNavigate();
  const [adding, setAdding] = useState<"pool" | "volume">();
  const addPool = <CreateButton permission="pools.create" label={text.storage.addPool} onClick={() => setAdding("pool")} />;
  const addVolume = <CreateButton permission="volumes.create" label={text.storage.addVolume} onClick={() => setAdding("volume")} />;
  const close = () => setAdding(undefined);
  return (
    <>
      <PageHead title={text.storage.title} actions={tab === "pools" ? addPool : tab === "volumes" ? addVolume : undefined} />
      <SubNav label={text.storage.title} active={tab === "pools" ? "/storage" : `/storage/${tab}`} rows={[{ to: "/storage", label: text.storage.pools }, { to: "/storage/volumes", label: text.storage.volumes }, { to: "/storage/trash", label: text.storage.trash }]} />
      {tab === "pools" && <KindList kind="pools" what={text.storage.pools.toLowerCase()} columns={poolColumns} searchable={(p) => `${p.metadata.name} ${p.spec.path ?? ""}`.toLowerCase()} rowActions={(p) => <PoolMenu pool={p} />} empty={{ title: text.storage.emptyPools, body: text.storage.emptyPoolsBody, action: addPool }} />}
      {tab === "volumes" && <KindList kind="volumes" what={text.storage.volumes.toLowerCase()} columns={volumeColumns} keep={inUse} searchable={volumeSearch} rowActions={(v) => <VolumeMenu volume={v} />} empty={{ title: text.storage.emptyVolumes, body: text.storage.emptyVolumesBody, action: addVolume }} />}
      {tab === "trash" && <KindList kind="volumes" id="trash" what={text.storage.volumes.toLowerCase()} columns={trashColumns} keep={trashed} searchable={volumeSearch} rowActions={(v) => <VolumeMenu volume={v} />} initialSort={{ column: "trashed", descending: true }} empty={{ title: text.storage.emptyTrash, body: text.storage.emptyTrashBody, action: <Button variant="link" onClick={() => void navigate("/storage/volumes")}>{text.storage.volumes}</Button> }} />}
      {adding === "pool" && <ResourceDialog title={text.storage.addPool} submit={text.common.create} fields={poolFields} initial={{}} change={poolChange} onClose={close} />}
      {adding === "volume" && <CreateVolume onClose={close} />}
    </>
  );
}
