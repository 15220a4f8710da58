// What happened: tasks, and the audit log with its chain.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Modal, ModalBody, ModalHeader } from "@pf/Modal";
import { PageSection } from "@pf/Page";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { SearchInput } from "@pf/SearchInput";
import { Toolbar, ToolbarContent, ToolbarItem } from "@pf/Toolbar";
import { Table, Tbody, Td, Th, Thead, Tr } from "@pf-table/Table";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { action, get, request } from "../api/client";
import type { AuditList, AuditListItems, AuditVerdict, Task } from "../api/generated";
import { type Problem, toProblem } from "../api/problem";
import { validate } from "../api/validate";
import { Forbidden, Missing, ProblemAlert, ProblemState } from "../components/Problem";
import type { Column } from "../components/ResourceTable";
import { SubNav } from "../components/SubNav";
import { TaskState } from "../components/State";
import { TaskObject } from "../components/TaskDrawer";
import { TaskLog } from "../components/TaskLog";
import { Ago } from "../components/Time";
import { duration } from "../models/format";
import { useItem } from "../state/queries";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { isAtWork } from "../state/tasks";
import { actionName } from "../models/guestTasks";
import { text } from "../text/en";
import { Link } from "react-router";
import { KindList } from "./common";
import { PageHead } from "./PageHead";

function took(task: Task): string {
  const { started, ended } = task.status;
  return started && ended ? duration(Math.max(1, Math.round((new Date(ended).getTime() - new Date(started).getTime()) / 1000))) : "";
}

const columns: readonly Column<Task>[] = [
  { id: "action", label: text.activity.action, cell: (t) => <Link to={`/activity/${t.metadata.name}`}>{actionName(t.spec.action)}</Link>, sort: (t) => actionName(t.spec.action) },
  { id: "object", label: text.activity.object, cell: (t) => <TaskObject task={t} />, sort: (t) => t.spec.object.name, width: 14 },
  { id: "state", label: text.common.state, cell: (t) => <TaskState state={t.status.state} />, sort: (t) => t.status.state, width: 9 },
  { id: "user", label: text.activity.user, cell: (t) => t.spec.user ?? text.tasks.nobody, sort: (t) => t.spec.user, width: 12 },
  { id: "created", label: text.activity.started, cell: (t) => <Ago time={t.metadata.created} />, sort: (t) => t.metadata.name, width: 11 },
  { id: "took", label: text.activity.took, cell: took, width: 7, end: true },
  { id: "result", label: text.activity.result, cell: (t) => t.status.error?.detail ?? t.status.message ?? "", width: 22 },
];

const taskSearch = (t: Task) => [t.spec.action, actionName(t.spec.action), t.spec.object.name, t.spec.user ?? "", text.tasks.states[t.status.state], t.status.error?.detail ?? ""].join(" ").toLowerCase();

export function TaskDetails({ task }: { task: Task }): ReactNode {
  return (
    <Stack hasGutter>
      <StackItem><TaskState state={task.status.state} /> <TaskObject task={task} /> · {text.tasks.by} {task.spec.user ?? text.tasks.nobody} · <Ago time={task.metadata.created} /></StackItem>
      {isAtWork(task) && <StackItem><Progress aria-label={actionName(task.spec.action)} value={task.status.progress} measureLocation={ProgressMeasureLocation.outside} /> {task.status.message}</StackItem>}
      {task.status.error && <StackItem><Alert variant="danger" isInline title={task.status.error.detail}>{task.status.error.hint}</Alert></StackItem>}
      {task.status.steps && <StackItem><strong>{text.tasks.steps}</strong><ol>{task.status.steps.map((s, i) => <li key={i}>{i + 1}. {s}</li>)}</ol></StackItem>}
      <StackItem><strong>{text.tasks.log}</strong><TaskLog task={task} /></StackItem>
      {isAtWork(task) && <StackItem><Button variant="secondary" onClick={() => void sendOrTell(action("tasks", task.metadata.name, "cancel"), text.tasks.cancel)}>{text.tasks.cancel}</Button></StackItem>}
    </Stack>
  );
}

function TaskDialog({ name, onClose }: { name: string; onClose: () => void }): ReactNode {
  const { data, error, refetch } = useItem("tasks", name);
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-label={data ? actionName(data.spec.action) : text.tasks.title}>
      <ModalHeader title={data ? `${actionName(data.spec.action)}: ${data.spec.object.name}` : text.tasks.title} />
      <ModalBody>{data === null ? <Missing kind="task" name={name} back="/activity" /> : error ? <ProblemState error={error} retry={() => void refetch()} /> : data && <TaskDetails task={data} />}</ModalBody>
    </Modal>
  );
}

function Verify(): ReactNode {
  const [verdict, setVerdict] = useState<AuditVerdict>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const mayVerify = useMay("audit.verify");
  const verify = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      setVerdict(validate<AuditVerdict>("audit_verdict", await (await request("POST", "/audit/actions/verify")).json()));
    } catch (error) {
      setProblem(toProblem(error));
    }
    setBusy(false);
  };
  return (
    <>
      <ToolbarItem><Button variant="secondary" isLoading={busy} isDisabled={busy || !mayVerify} onClick={() => void verify()}>{busy ? text.activity.verifying : text.activity.verify}</Button></ToolbarItem>
      {(verdict ?? problem) && (
        <ToolbarItem>
          {verdict?.ok && <Alert variant="success" isInline isPlain title={text.activity.intact(verdict.records)} />}
          {verdict && !verdict.ok && <Alert variant="danger" isInline title={text.activity.broken(verdict.broken_at ?? 0)}>{verdict.reason}</Alert>}
          <ProblemAlert problem={problem} />
        </ToolbarItem>
      )}
    </>
  );
}

const PAGE = 100;

function useAudit(who: string, object: string) {
  return useInfiniteQuery({
    queryKey: ["audit", who, object],
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam, signal }) => get<AuditList>("audit_list", "/audit", { query: { limit: PAGE, before: pageParam, who: who || undefined, object: object || undefined }, signal }),
    getNextPageParam: (last: AuditList) => (last.items.length === PAGE ? last.items.at(-1)?.seq : undefined),
    gcTime: 0,
    staleTime: 0,
  });
}

function AuditRow({ record }: { record: AuditListItems }): ReactNode {
  return (
    <Tr>
      <Td dataLabel={text.activity.number}>{record.seq}</Td>
      <Td dataLabel={text.activity.time} modifier="nowrap"><Ago time={record.time} /></Td>
      <Td dataLabel={text.activity.who}><bdi>{record.who}</bdi></Td>
      <Td dataLabel={text.activity.address}>{record.address ?? ""}</Td>
      <Td dataLabel={text.activity.action} modifier="breakWord"><bdi>{record.action}</bdi></Td>
      <Td dataLabel={text.activity.outcome}>{record.outcome}</Td>
      <Td dataLabel={text.activity.detail} modifier="breakWord"><bdi>{record.detail ?? ""}</bdi></Td>
    </Tr>
  );
}

function Audit(): ReactNode {
  const [who, setWho] = useState("");
  const [object, setObject] = useState("");
  const audit = useAudit(useDeferredValue(who.trim()), useDeferredValue(object.trim()));
  const mayRead = useMay("audit.read");
  const records = audit.data?.pages.flatMap((p) => p.items);
  if (!mayRead) return <PageSection hasBodyWrapper={false}><Forbidden permission="audit.read" /></PageSection>;
  return (
    <PageSection hasBodyWrapper={false} isFilled>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem><SearchInput aria-label={text.activity.who} placeholder={text.activity.auditHint} value={who} onChange={(_, v) => setWho(v)} onClear={() => setWho("")} /></ToolbarItem>
          <ToolbarItem><SearchInput aria-label={text.activity.object} placeholder={text.activity.objectHint} value={object} onChange={(_, v) => setObject(v)} onClear={() => setObject("")} /></ToolbarItem>
          <ToolbarItem><Button variant="plain" onClick={() => void audit.refetch()}>{text.common.refresh}</Button></ToolbarItem>
          <Verify />
        </ToolbarContent>
      </Toolbar>
      {audit.error ? <ProblemState error={audit.error} retry={() => void audit.refetch()} /> : (
        <Table variant="compact" aria-label={text.activity.audit} aria-busy={!records}>
          <Thead><Tr><Th>{text.activity.number}</Th><Th>{text.activity.time}</Th><Th>{text.activity.who}</Th><Th>{text.activity.address}</Th><Th width={30}>{text.activity.action}</Th><Th>{text.activity.outcome}</Th><Th>{text.activity.detail}</Th></Tr></Thead>
          <Tbody>
            {records?.map((r) => <AuditRow key={r.seq} record={r} />)}
            {records?.length === 0 && <Tr><Td colSpan={7}>{text.activity.emptyAudit}</Td></Tr>}
          </Tbody>
        </Table>
      )}
      {audit.hasNextPage && <Button variant="link" isLoading={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>{text.activity.more}</Button>}
    </PageSection>
  );
}

export function Activity(): ReactNode {
  const { name } = useParams();
  const navigate = useNavigate();
  const tab = name === "audit" ? "audit" : "tasks";
  return (
    <>
      <PageHead title={text.activity.title} />
      <SubNav label={text.activity.title} active={tab === "audit" ? "/activity/audit" : "/activity"} rows={[{ to: "/activity", label: text.activity.tasks }, { to: "/activity/audit", label: text.activity.audit }]} />
      {tab === "audit" ? <Audit /> : (
        <KindList kind="tasks" what={text.activity.tasks.toLowerCase()} columns={columns} searchable={taskSearch} initialSort={{ column: "created", descending: true }} empty={{ title: text.activity.emptyTasks, body: text.tasks.emptyBody }} />
      )}
      {name && name !== "audit" && <TaskDialog name={name} onClose={() => void navigate("/activity")} />}
    </>
  );
}
