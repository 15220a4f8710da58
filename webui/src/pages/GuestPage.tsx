// One guest: its head with state and power, and a tab for each part. The tab stands in the address.
import { Button } from "@pf/Button";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { PageSection } from "@pf/Page";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { Skeleton } from "@pf/Skeleton";
import { Tab, Tabs, TabTitleText } from "@pf/Tabs";
import { CubeIcon } from "@pf-icons/cube-icon";
import { DesktopIcon } from "@pf-icons/desktop-icon";
import { TrashIcon } from "@pf-icons/trash-icon";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { Link, Navigate, useNavigate, useParams } from "react-router";
import { action } from "../api/client";
import type { Guest, Task } from "../api/generated";
import { GuestButtons } from "../components/GuestActions";
import { GuestConsole } from "../components/GuestConsole";
import { GuestHardware } from "../components/GuestHardware";
import { GuestJson } from "../components/GuestJson";
import { GuestOverview } from "../components/GuestOverview";
import { GuestTasks } from "../components/GuestTasks";
import { LeaveGuard } from "../components/LeaveGuard";
import { Missing, ProblemState } from "../components/Problem";
import { GuestState } from "../components/State";
import { actionName } from "../models/guestTasks";
import { guestPath } from "../models/palette";
import { useHistory } from "../state/history";
import { followRename, useItem } from "../state/queries";
import { sendOrTell } from "../state/send";
import { useTasks } from "../state/tasks";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { PageHead } from "./PageHead";

const TABS = ["overview", "console", "hardware", "tasks", "json"] as const;
type TabName = (typeof TABS)[number];

const PATH = [{ to: "/guests", label: text.guests.title }];

function Busy({ task }: { task: Task | undefined }): ReactNode {
  if (!task) return <p className="lodge-subtle" role="status">{text.guest.busy}</p>;
  const { progress, message } = task.status;
  return (
    <div className="lodge-busy" role="status">
      <Progress title={[actionName(task.spec.action), message].filter(Boolean).join(": ")} value={progress} size="sm" measureLocation={ProgressMeasureLocation.outside} />
      <Button variant="link" isInline onClick={() => void sendOrTell(action("tasks", task.metadata.name, "cancel"), text.tasks.cancel)}>{text.tasks.cancel}</Button>
    </div>
  );
}

function Head({ guest, onDeleted }: { guest: Guest; onDeleted: () => void }): ReactNode {
  const Icon = guest.spec.type === "vm" ? DesktopIcon : CubeIcon;
  const tasks = useTasks();
  const { task } = guest.status;
  return (
    <PageHead
      title={guest.metadata.name} path={PATH} actions={<GuestButtons guest={guest} onDeleted={onDeleted} />}
      beside={<><Icon title={text.guests.types[guest.spec.type]} className="lodge-kind" /> <GuestState status={guest.status} /></>}
    >
      {task && <Busy task={tasks.find((t) => t.metadata.uuid === task)} />}
    </PageHead>
  );
}

function Deleted({ name }: { name: string }): ReactNode {
  return (
    <EmptyState titleText={text.guest.deleted(name)} icon={TrashIcon} headingLevel="h2">
      <EmptyStateBody>{text.guest.deletedBody}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions><Link to={`/storage/trash?q=${encodeURIComponent(`${name}-`)}`}>{text.guest.deletedTrash}</Link></EmptyStateActions>
        <EmptyStateActions><Link to="/guests">{text.guest.list}</Link></EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}

/** The part of one guest. Those in which something may have been typed stay as they are while another one is looked at. */
function Parts({ guest, tab }: { guest: Guest; tab: TabName }): ReactNode {
  const samples = useHistory(guest);
  const navigate = useNavigate();
  const [unsaved, setUnsaved] = useState<ReadonlySet<TabName>>(new Set());
  const [seen, setSeen] = useState<ReadonlySet<TabName>>(new Set([tab]));
  if (!seen.has(tab)) setSeen(new Set([...seen, tab]));
  const mark = useCallback((name: TabName, on: boolean) => setUnsaved((before) => {
    if (before.has(name) === on) return before;
    const next = new Set(before);
    if (on) next.add(name);
    else next.delete(name);
    return next;
  }), []);
  const onHardware = useCallback((on: boolean) => mark("hardware", on), [mark]);
  const onJson = useCallback((on: boolean) => mark("json", on), [mark]);
  useEffect(() => { document.querySelector(".pf-v6-c-tabs__item.pf-m-current")?.scrollIntoView({ block: "nearest", inline: "center" }); }, [tab]);
  const contents: Record<TabName, ReactNode> = {
    overview: tab === "overview" && <GuestOverview guest={guest} samples={samples} />,
    console: tab === "console" && <GuestConsole guest={guest} />,
    hardware: seen.has("hardware") && <GuestHardware guest={guest} onUnsaved={onHardware} />,
    tasks: tab === "tasks" && <GuestTasks guest={guest} />,
    json: seen.has("json") && <GuestJson guest={guest} onUnsaved={onJson} />,
  };
  const here = guestPath(guest.metadata.name);
  return (
    <>
      <LeaveGuard unsaved={unsaved.size > 0} within={(path) => path === here || path.startsWith(`${here}/`)} />
      <PageSection hasBodyWrapper={false} isFilled={false} type="tabs">
        <Tabs activeKey={tab} onSelect={(_, name) => void navigate(guestPath(guest.metadata.name, name === "overview" ? "" : String(name)))} aria-label={text.guest.tabs} usePageInsets>
          {TABS.map((name) => <Tab key={name} eventKey={name} title={<TabTitleText>{text.guests.tabs[name]}{unsaved.has(name) && <span title={text.guest.unsaved}> •</span>}</TabTitleText>} tabContentId={`part-${name}`} />)}
        </Tabs>
      </PageSection>
      {TABS.map((name) => <div key={name} id={`part-${name}`} role="tabpanel" aria-label={text.guests.tabs[name]} hidden={name !== tab}>{contents[name]}</div>)}
    </>
  );
}

export function GuestPage(): ReactNode {
  const { name = "", tab = "overview" } = useParams();
  const query = useItem("guests", name);
  const navigate = useNavigate();
  const last = useRef<Guest>(undefined);
  const guest = query.data;
  const now = guest?.metadata.name;
  useEffect(() => {
    if (!guest || now === undefined || now === name || name.startsWith("uuid:")) return;
    followRename("guests", name, guest);
    addToast({ variant: "info", title: text.guest.renamed(now) });
    void navigate(guestPath(now, tab === "overview" ? "" : tab), { replace: true });
  }, [now, name]);
  if (guest) last.current = guest;
  if (!guest) {
    if (guest === undefined && query.error) return <><PageHead title={name} path={PATH} /><ProblemState error={query.error} retry={() => void query.refetch()} /></>;
    if (guest === undefined) return <><PageHead title={name} path={PATH} /><PageSection hasBodyWrapper={false}><Skeleton height="12rem" screenreaderText={text.common.loading} /></PageSection></>;
    return <><PageHead title={name} path={PATH} />{last.current?.metadata.name === name ? <Deleted name={name} /> : <Missing kind={text.guests.one} name={name} back="/guests" />}</>;
  }
  if (!TABS.includes(tab as TabName)) return <Navigate to={guestPath(guest.metadata.name)} replace />;
  return (
    <>
      <Head guest={guest} onDeleted={() => undefined} />
      <Parts key={guest.metadata.uuid} guest={guest} tab={tab as TabName} />
    </>
  );
}
