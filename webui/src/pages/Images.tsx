// Images: uploaded by drag and drop, fetched from a URL, or read from the host.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { PageSection } from "@pf/Page";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { type DragEvent, type ReactNode, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { removal } from "../api/client";
import type { Image, ImageSpec } from "../api/generated";
import { DeleteDialog, FormDialog } from "../components/Dialogs";
import { SpecFields } from "../components/SpecForm";
import type { Column } from "../components/ResourceTable";
import { RowMenu } from "../components/RowMenu";
import { PlainState } from "../components/State";
import { Ago } from "../components/Time";
import { byteRate, bytes } from "../models/format";
import { complete, str, type Values } from "../models/form";
import { imageChange, imageFields, imageSearch } from "../models/resources";
import { useSend } from "../state/send";
import { useMay } from "../state/session";
import { dismissUpload, formatFromFile, nameFromFile, startUpload, type Upload, useUploads } from "../state/uploads";
import { text } from "../text/en";
import { CreateButton, KindList } from "./common";
import { PageHead } from "./PageHead";

const columns: readonly Column<Image>[] = [
  { id: "name", label: text.common.name, cell: (i) => <bdi>{i.metadata.name}</bdi>, sort: (i) => i.metadata.name },
  { id: "state", label: text.common.state, cell: (i) => <PlainState state={i.status.state} />, sort: (i) => i.status.state, width: 10 },
  { id: "format", label: text.images.format, cell: (i) => i.spec.format, sort: (i) => i.spec.format, width: 8 },
  { id: "size", label: text.common.size, cell: (i) => bytes(i.status.size), sort: (i) => i.status.size, width: 8, end: true },
  { id: "virtual", label: text.images.virtualSize, cell: (i) => bytes(i.status.virtual_size), sort: (i) => i.status.virtual_size, width: 8, end: true },
  { id: "created", label: text.common.created, cell: (i) => <Ago time={i.metadata.created} />, sort: (i) => i.metadata.created, width: 11 },
  { id: "sha256", label: text.images.sha256, cell: (i) => <code>{i.status.sha256}</code>, hidden: true, width: 20 },
];

function AddDialog({ file, onClose }: { file: File | undefined; onClose: () => void }): ReactNode {
  const [chosen, setChosen] = useState(file);
  const [values, setValues] = useState<Values>(file ? { from: "upload", name: nameFromFile(file.name), format: formatFromFile(file.name) } : { from: "upload", format: "qcow2" });
  const input = useRef<HTMLInputElement>(null);
  const { busy, problem, run } = useSend();
  const upload = str(values, "from") === "upload";
  const take = (next: File | undefined) => {
    if (!next) return;
    setChosen(next);
    setValues((old) => ({ ...old, name: str(old, "name") || nameFromFile(next.name), format: formatFromFile(next.name) }));
  };
  const submit = async () => {
    if (upload && chosen) startUpload(chosen, str(values, "name"), str(values, "format") as ImageSpec["format"], str(values, "sha256") || undefined);
    else if (!(await run(imageChange(values)))) return;
    onClose();
  };
  return (
    <FormDialog title={text.images.add} submit={upload ? text.images.upload : text.images.add} busy={busy} problem={problem} ready={complete(imageFields, values) && (!upload || chosen !== undefined)} onSubmit={() => void submit()} onClose={onClose}>
      <SpecFields fields={imageFields} values={values} set={(k, v) => setValues((old) => ({ ...old, [k]: v }))} problem={problem} />
      {upload && (
        <div>
          <input ref={input} type="file" hidden onChange={(e) => take(e.target.files?.[0])} aria-label={text.images.choose} />
          <Button variant="secondary" onClick={() => input.current?.click()}>{text.images.choose}</Button> {chosen && <span><bdi>{chosen.name}</bdi> · {bytes(chosen.size)}</span>}
        </div>
      )}
    </FormDialog>
  );
}

function UploadLine({ upload }: { upload: Upload }): ReactNode {
  const stopped = upload.state === "stopped";
  return (
    <StackItem>
      <Progress
        title={text.images.uploading(upload.name)} value={upload.size ? (upload.sent / upload.size) * 100 : 0} measureLocation={ProgressMeasureLocation.top}
        label={text.images.rate(bytes(upload.sent), bytes(upload.size), byteRate(upload.rate))} {...(stopped ? { variant: "danger" as const } : upload.state === "waiting" ? { variant: "warning" as const } : {})}
      />
      {upload.state === "waiting" && <Alert variant="warning" isInline isPlain title={text.images.waiting} />}
      {upload.problem && <Alert variant="danger" isInline isPlain title={upload.problem.detail}>{upload.problem.hint}</Alert>}
      {upload.state !== "done" && <Button variant="link" isInline onClick={() => dismissUpload(upload.key)}>{text.images.giveUp}</Button>}
    </StackItem>
  );
}

function ImageMenu({ image }: { image: Image }): ReactNode {
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const mayDelete = useMay("images.delete");
  const mayCreate = useMay("guests.create");
  return (
    <>
      <RowMenu rows={() => [
        { title: text.images.createGuest, isDisabled: !mayCreate || image.status.state !== "ready", onClick: () => void navigate(`/guests/new?image=${encodeURIComponent(image.metadata.name)}`) },
        "-" as const,
        { title: text.common.delete, isDanger: true, isDisabled: !mayDelete, onClick: () => setDeleting(true) },
      ]} />
      {deleting && <DeleteDialog kind={text.images.one} name={image.metadata.name} lost={text.images.lost} change={() => removal("images", image.metadata.name)} onClose={() => setDeleting(false)} />}
    </>
  );
}

export function Images(): ReactNode {
  const [adding, setAdding] = useState<{ file: File | undefined }>();
  const [over, setOver] = useState(false);
  const uploads = useUploads();
  const mayCreate = useMay("images.create");
  const add = <CreateButton permission="images.create" label={text.images.add} onClick={() => setAdding({ file: undefined })} />;
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file && mayCreate) setAdding({ file });
  };
  return (
    <div
      className={`lodge-fill${over ? " lodge-drop" : ""}`} onDrop={onDrop} onDragLeave={() => setOver(false)}
      onDragOver={(e) => { e.preventDefault(); setOver(mayCreate); }}
    >
      <PageHead title={text.images.title} actions={add} />
      {uploads.length > 0 && <PageSection hasBodyWrapper={false} isFilled={false} aria-label={text.images.upload}><Stack hasGutter>{uploads.map((u) => <UploadLine key={u.key} upload={u} />)}</Stack></PageSection>}
      <KindList
        kind="images" what={text.images.title.toLowerCase()} columns={columns} searchable={imageSearch} rowActions={(i) => <ImageMenu image={i} />}
        empty={{ title: text.images.empty, body: text.images.emptyBody, action: add }}
      />
      {adding && <AddDialog file={adding.file} onClose={() => setAdding(undefined)} />}
    </div>
  );
}
