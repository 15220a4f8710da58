// Who may do what: users, roles, bindings, API tokens.
import { Alert } from "@pf/Alert";
import { Checkbox } from "@pf/Checkbox";
import { ClipboardCopy } from "@pf/ClipboardCopy";
import { Button } from "@pf/Button";
import { Form } from "@pf/Form";
import { Label, LabelGroup } from "@pf/Label";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@pf/Modal";
import { Gallery } from "@pf-layouts/Gallery";
import { type ReactNode, useMemo, useState } from "react";
import { useParams } from "react-router";
import { type Change, edit, type Plural, removal } from "../api/client";
import type { Binding, Role, Token, User } from "../api/generated";
import { DeleteDialog, Field } from "../components/Dialogs";
import type { Column } from "../components/ResourceTable";
import { RowMenu } from "../components/RowMenu";
import { ResourceDialog } from "../components/SpecForm";
import { SubNav } from "../components/SubNav";
import { Ago } from "../components/Time";
import type { FieldDef, Values } from "../models/form";
import { bindingChange, bindingEdit, bindingFields, bindingValues, roleChange, roleFields, tokenChange, tokenFields, tokenSearch, userChange, userEdit, userFields, userValues } from "../models/resources";
import { useCollection } from "../state/queries";
import { useMay, useSession } from "../state/session";
import { text } from "../text/en";
import { CreateButton, KindList } from "./common";
import { PageHead } from "./PageHead";

const BUILT_IN = ["admin", "operator", "viewer"];

function useRoles(): string[] {
  const own = useCollection("roles").data?.items;
  return useMemo(() => [...BUILT_IN, ...(own ?? []).map((r) => r.metadata.name)], [own]);
}

const userColumns: readonly Column<User>[] = [
  { id: "name", label: text.common.name, cell: (u) => <bdi>{u.metadata.name}</bdi>, sort: (u) => u.metadata.name },
  { id: "full", label: text.access.fullName, cell: (u) => <bdi>{u.spec.full_name ?? ""}</bdi>, sort: (u) => u.spec.full_name, width: 14 },
  { id: "groups", label: text.access.groups, cell: (u) => <LabelGroup>{(u.spec.groups ?? []).map((g) => <Label key={g} isCompact variant="outline">{g}</Label>)}</LabelGroup>, width: 14 },
  { id: "password", label: text.access.hasPassword, cell: (u) => (u.status.has_password ? text.common.yes : text.common.no), sort: (u) => String(u.status.has_password), width: 9 },
  { id: "disabled", label: text.common.state, cell: (u) => (u.spec.disabled ? <Label color="orange" isCompact>{text.access.disabled}</Label> : ""), sort: (u) => String(u.spec.disabled ?? false), width: 8 },
  { id: "created", label: text.common.created, cell: (u) => <Ago time={u.metadata.created} />, sort: (u) => u.metadata.created, width: 11 },
];

const roleColumns: readonly Column<Role>[] = [
  { id: "name", label: text.common.name, cell: (r) => <bdi>{r.metadata.name}</bdi>, sort: (r) => r.metadata.name },
  { id: "permissions", label: text.access.permissions, cell: (r) => r.spec.permissions.join(", "), width: 34 },
  { id: "description", label: text.common.description, cell: (r) => <bdi>{r.metadata.description ?? ""}</bdi>, width: 16 },
];

const bindingColumns: readonly Column<Binding>[] = [
  { id: "name", label: text.common.name, cell: (b) => <bdi>{b.metadata.name}</bdi>, sort: (b) => b.metadata.name },
  { id: "subject", label: text.access.subject, cell: (b) => <bdi>{b.spec.subject}</bdi>, sort: (b) => b.spec.subject, width: 14 },
  { id: "role", label: text.access.roleOf, cell: (b) => b.spec.role, sort: (b) => b.spec.role, width: 10 },
  { id: "path", label: text.access.path, cell: (b) => b.spec.path ?? "/", sort: (b) => b.spec.path ?? "/", width: 14 },
  { id: "selector", label: text.access.selector, cell: (b) => <LabelGroup>{Object.entries(b.spec.selector ?? {}).map(([k, v]) => <Label key={k} isCompact variant="outline">{k}={v}</Label>)}</LabelGroup>, width: 14 },
];

const tokenColumns: readonly Column<Token>[] = [
  { id: "name", label: text.common.name, cell: (k) => <bdi>{k.metadata.name}</bdi>, sort: (k) => k.metadata.name },
  { id: "user", label: text.access.userOf, cell: (k) => <bdi>{k.spec.user ?? ""}</bdi>, sort: (k) => k.spec.user, width: 10 },
  { id: "role", label: text.access.onlyRole, cell: (k) => k.spec.role ?? text.common.all, sort: (k) => k.spec.role, width: 16 },
  { id: "expires", label: text.access.expires, cell: (k) => (k.spec.expires ? <Ago time={k.spec.expires} /> : text.access.never), sort: (k) => k.spec.expires, width: 11 },
  { id: "created", label: text.common.created, cell: (k) => <Ago time={k.metadata.created} />, sort: (k) => k.metadata.created, width: 11 },
];

/** Edit and delete, for each of the four. */
function Menu({ kind, one, name, lost, editor }: { kind: Plural; one: string; name: string; lost: string; editor?: (close: () => void) => ReactNode }): ReactNode {
  const [open, setOpen] = useState<"edit" | "delete">();
  const update = useMay(`${kind}.update`);
  const remove = useMay(`${kind}.delete`);
  const close = () => setOpen(undefined);
  return (
    <>
      <RowMenu rows={() => [
        ...(editor ? [{ title: text.common.edit, isDisabled: !update, onClick: () => setOpen("edit") }, "-" as const] : []),
        { title: text.common.delete, isDanger: true, isDisabled: !remove, onClick: () => setOpen("delete") },
      ]} />
      {open === "edit" && editor?.(close)}
      {open === "delete" && <DeleteDialog kind={one} name={name} lost={lost} change={() => removal(kind, name)} onClose={close} />}
    </>
  );
}

/** What one may hand on is what one has. */
function Permissions({ chosen, set }: { chosen: ReadonlySet<string>; set: (next: ReadonlySet<string>) => void }): ReactNode {
  const mine = Object.keys(useSession()?.permissions ?? {}).sort();
  const toggle = (p: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(p);
    else next.delete(p);
    set(next);
  };
  const groups = [...new Set(mine.map((p) => p.split(".")[0] ?? p))];
  return (
    <Field id="permissions" label={text.access.permissions} required>
      <Gallery hasGutter minWidths={{ default: "10rem" }} id="permissions" role="group" aria-label={text.access.permissions}>
        {groups.map((group) => (
          <div key={group}>
            <strong>{group}</strong>
            {mine.filter((p) => p.startsWith(`${group}.`)).map((p) => <Checkbox key={p} id={`permission-${p}`} label={p.slice(group.length + 1)} isChecked={chosen.has(p) || chosen.has(`${group}.*`) || chosen.has("*")} onChange={(_, on) => toggle(p, on)} />)}
          </div>
        ))}
      </Gallery>
    </Field>
  );
}

function RoleDialog({ role, onClose }: { role?: Role; onClose: () => void }): ReactNode {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(role?.spec.permissions ?? []));
  const change = (v: Values): Change<"roles"> =>
    role ? edit("roles", role.metadata.name, { metadata: { description: (v["description"] as string) || null }, spec: { permissions: [...chosen] } }, role.metadata.revision) : roleChange(v, [...chosen]);
  return (
    <ResourceDialog
      title={role ? `${text.common.edit}: ${role.metadata.name}` : text.access.addRole} submit={role ? text.common.save : text.common.create} fields={roleFields}
      initial={role ? { name: role.metadata.name, description: role.metadata.description ?? "" } : {}} editing={role !== undefined} change={change} onClose={onClose}
    >
      <Permissions chosen={chosen} set={setChosen} />
    </ResourceDialog>
  );
}

function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }): ReactNode {
  return (
    <Modal isOpen variant="medium" aria-label={text.access.secretTitle} onClose={onClose}>
      <ModalHeader title={text.access.secretTitle} />
      <ModalBody>
        <Form onSubmit={(e) => e.preventDefault()}>
          <Alert variant="warning" isInline title={text.access.secretBody}>{text.access.secretUse}</Alert>
          <ClipboardCopy isReadOnly hoverTip={text.common.copy} clickTip={text.common.copied} textAriaLabel={text.access.secretTitle}>{secret}</ClipboardCopy>
        </Form>
      </ModalBody>
      <ModalFooter><Button variant="primary" onClick={onClose}>{text.common.close}</Button></ModalFooter>
    </Modal>
  );
}

interface TabRow {
  key: "users" | "roles" | "bindings" | "tokens";
  title: string;
  add: string;
}
const tabs: readonly TabRow[] = [
  { key: "users", title: text.access.users, add: text.access.addUser },
  { key: "roles", title: text.access.roles, add: text.access.addRole },
  { key: "bindings", title: text.access.bindings, add: text.access.addBinding },
  { key: "tokens", title: text.access.tokens, add: text.access.addToken },
];

const userEditFields: readonly FieldDef[] = userFields.map((f) => (f.key === "password" ? { ...f, label: text.access.setPassword, help: text.access.passwordHelpEdit } : f));

export function Access(): ReactNode {
  const { tab: wanted } = useParams();
  return <AccessTab key={wanted} wanted={wanted} />;
}

function AccessTab({ wanted }: { wanted: string | undefined }): ReactNode {
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<string>();
  const roles = useRoles();
  const me = useSession()?.user ?? "";
  const tab = tabs.find((t) => t.key === wanted) ?? tabs[0];
  if (!tab) return null;
  const close = () => setAdding(false);
  const add = <CreateButton permission={`${tab.key}.create`} label={tab.add} onClick={() => setAdding(true)} />;
  const create = text.common.create;
  return (
    <>
      <PageHead title={text.access.title} actions={add} />
      <SubNav label={text.access.title} active={`/access/${tab.key}`} rows={tabs.map((t) => ({ to: `/access/${t.key}`, label: t.title }))} />
      {tab.key === "users" && (
        <KindList
          kind="users" what={text.access.users.toLowerCase()} columns={userColumns} searchable={(u) => [u.metadata.name, u.spec.full_name ?? "", ...(u.spec.groups ?? [])].join(" ").toLowerCase()} empty={{ title: text.access.emptyUsers, body: text.access.emptyUsersBody, action: add }}
          rowActions={(u) => <Menu kind="users" one={text.access.user} name={u.metadata.name} lost={text.access.lostUser} editor={(done) => <ResourceDialog title={`${text.common.edit}: ${u.metadata.name}`} submit={text.common.save} fields={userEditFields} initial={userValues(u)} editing change={(v) => userEdit(u, v)} onClose={done} />} />}
        />
      )}
      {tab.key === "roles" && (
        <KindList
          kind="roles" what={text.access.roles.toLowerCase()} columns={roleColumns} searchable={(r) => [r.metadata.name, ...r.spec.permissions].join(" ").toLowerCase()} empty={{ title: text.access.emptyRoles, body: text.access.emptyRolesBody, action: add }}
          rowActions={(r) => <Menu kind="roles" one={text.access.role} name={r.metadata.name} lost={text.access.lostRole} editor={(done) => <RoleDialog role={r} onClose={done} />} />}
        />
      )}
      {tab.key === "bindings" && (
        <KindList
          kind="bindings" what={text.access.bindings.toLowerCase()} columns={bindingColumns} searchable={(b) => [b.metadata.name, b.spec.subject, b.spec.role, b.spec.path ?? "/"].join(" ").toLowerCase()} empty={{ title: text.access.emptyBindings, body: text.access.emptyBindingsBody, action: add }}
          rowActions={(b) => <Menu kind="bindings" one={text.access.binding} name={b.metadata.name} lost={text.access.lostBinding} editor={(done) => <ResourceDialog title={`${text.common.edit}: ${b.metadata.name}`} submit={text.common.save} fields={bindingFields(roles)} initial={bindingValues(b)} editing change={(v) => bindingEdit(b, v)} onClose={done} />} />}
        />
      )}
      {tab.key === "tokens" && (
        <KindList
          kind="tokens" what={text.access.tokens.toLowerCase()} columns={tokenColumns} searchable={tokenSearch} empty={{ title: text.access.emptyTokens, body: text.access.emptyTokensBody, action: add }}
          rowActions={(k) => <Menu kind="tokens" one={text.access.token} name={k.metadata.name} lost={text.access.lostToken} />}
        />
      )}
      {adding && tab.key === "users" && <ResourceDialog title={tab.add} submit={create} fields={userFields} initial={{}} change={userChange} onClose={close} />}
      {adding && tab.key === "roles" && <RoleDialog onClose={close} />}
      {adding && tab.key === "bindings" && <ResourceDialog title={tab.add} submit={create} fields={bindingFields(roles)} initial={{ who: "user", role: "operator" }} change={bindingChange} onClose={close} />}
      {adding && tab.key === "tokens" && <ResourceDialog title={tab.add} submit={create} fields={tokenFields(roles)} initial={{ user: me }} change={tokenChange} onClose={close} onDone={(o) => setSecret(o.resource?.secret)} />}
      {secret !== undefined && <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />}
    </>
  );
}
