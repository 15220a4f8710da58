// What stands around every page: navigation, the host's name and state, search, alarms, tasks, theme, user; banners and messages.
import { Alert, AlertActionCloseButton, AlertGroup } from "@pf/Alert";
import { Badge } from "@pf/Badge";
import { Banner } from "@pf/Banner";
import { Button } from "@pf/Button";
import { Divider } from "@pf/Divider";
import { Dropdown, DropdownItem, DropdownList } from "@pf/Dropdown";
import { EmptyState, EmptyStateBody } from "@pf/EmptyState";
import { Masthead, MastheadBrand, MastheadContent, MastheadLogo, MastheadMain, MastheadToggle } from "@pf/Masthead";
import { MenuToggle } from "@pf/MenuToggle";
import { Nav, NavItem, NavList } from "@pf/Nav";
import { NotificationBadge } from "@pf/NotificationBadge";
import { Page, PageSidebar, PageSidebarBody, PageToggleButton } from "@pf/Page";
import { Popover } from "@pf/Popover";
import { SkipToContent } from "@pf/SkipToContent";
import { Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from "@pf/Toolbar";
import { BarsIcon } from "@pf-icons/bars-icon";
import { ExclamationTriangleIcon } from "@pf-icons/exclamation-triangle-icon";
import { MoonIcon } from "@pf-icons/moon-icon";
import { SearchIcon } from "@pf-icons/search-icon";
import { SunIcon } from "@pf-icons/sun-icon";
import { TasksIcon } from "@pf-icons/tasks-icon";
import { UserIcon } from "@pf-icons/user-icon";
import { type ReactNode, useEffect, useState } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { useAlarms } from "../state/alarms";
import { useLiveState } from "../state/live";
import { useCollection } from "../state/queries";
import { signOut, useAccess, useSession } from "../state/session";
import { isAtWork, useTasks } from "../state/tasks";
import { setTheme, type Theme, useDark, useTheme } from "../state/theme";
import { closeToast, useToasts } from "../state/toasts";
import { text } from "../text/en";
import { LoginAgain } from "../pages/Login";
import { pages } from "../pages/routes";
import { Palette } from "./Palette";
import { PasswordDialog } from "./PasswordDialog";
import { TaskDrawer } from "./TaskDrawer";

/** Which row of the navigation a path belongs to. */
function rowOf(path: string): string {
  return pages.findLast((p) => p.path !== "/" && (path === p.path || path.startsWith(`${p.path}/`)))?.path ?? "/";
}

function Sidebar(): ReactNode {
  const { pathname } = useLocation();
  const node = useCollection("nodes").data?.items[0];
  const live = useLiveState();
  return (
    <PageSidebar>
      <PageSidebarBody isFilled={false}>
        <Link to="/nodes" className="lodge-host">
          <strong>{node?.metadata.name ?? text.product}</strong>
          <small>{live === "down" ? text.header.offline : (node?.status.state ?? "")}</small>
        </Link>
      </PageSidebarBody>
      <PageSidebarBody>
        <Nav aria-label={text.nav.label}>
          <NavList>
            {pages.map((p) => (
              <NavItem key={p.path} itemId={p.path} isActive={rowOf(pathname) === p.path}>
                <NavLink to={p.path}><span className="lodge-nav-icon"><p.icon /></span> {p.title}</NavLink>
              </NavItem>
            ))}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}

function ThemeMenu(): ReactNode {
  const [open, setOpen] = useState(false);
  const theme = useTheme();
  const dark = useDark();
  return (
    <Dropdown
      isOpen={open} onOpenChange={setOpen} onSelect={(_, v) => { setTheme(v as Theme); setOpen(false); }} popperProps={{ position: "end" }}
      toggle={(ref) => <MenuToggle ref={ref} variant="plain" aria-label={text.header.theme} icon={dark ? <MoonIcon /> : <SunIcon />} isExpanded={open} onClick={() => setOpen(!open)} />}
    >
      <DropdownList>
        {(["system", "light", "dark"] as const).map((t) => <DropdownItem key={t} value={t} isSelected={t === theme}>{text.header.themes[t]}</DropdownItem>)}
      </DropdownList>
    </Dropdown>
  );
}

function UserMenu(): ReactNode {
  const [open, setOpen] = useState(false);
  const [password, setPassword] = useState(false);
  const session = useSession();
  return (
    <>
      <Dropdown
        isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: "end" }}
        toggle={(ref) => <MenuToggle ref={ref} variant="plainText" icon={<UserIcon />} isExpanded={open} onClick={() => setOpen(!open)} aria-label={`${text.header.user} ${session?.user ?? ""}`}><span className="lodge-wide">{session?.user}</span></MenuToggle>}
      >
        <DropdownList>
          <DropdownItem key="user" isDisabled description={text.header.user}>{session?.user}</DropdownItem>
          <Divider component="li" />
          <DropdownItem key="password" onClick={() => setPassword(true)}>{text.header.password}</DropdownItem>
          <DropdownItem key="tokens" component={(props: object) => <Link {...props} to="/access/tokens" />}>{text.header.tokens}</DropdownItem>
          <DropdownItem key="api" to="/api/v1/openapi.json" target="_blank">{text.header.api}</DropdownItem>
          <Divider component="li" />
          <DropdownItem key="out" onClick={() => void signOut()}>{text.header.signOut}</DropdownItem>
        </DropdownList>
      </Dropdown>
      {password && <PasswordDialog onClose={() => setPassword(false)} />}
    </>
  );
}

function Alarms(): ReactNode {
  const alarms = useAlarms();
  return (
    <Popover
      headerContent={text.header.alarms} hasAutoWidth maxWidth="28rem" position="bottom-end"
      bodyContent={alarms.length
        ? alarms.map((a) => <Alert key={a.id} variant={a.severity} isInline isPlain title={a.title}>{a.hint}</Alert>)
        : <EmptyState variant="xs" titleText={text.header.noAlarms} headingLevel="h3"><EmptyStateBody /></EmptyState>}
    >
      <Button variant="plain" aria-label={`${text.header.alarms}: ${alarms.length}`} icon={<ExclamationTriangleIcon />} {...(alarms.length && { countOptions: { count: alarms.length, isRead: false } })} />
    </Popover>
  );
}

function Header({ onSearch, onTasks, tasksOpen }: { onSearch: () => void; onTasks: () => void; tasksOpen: boolean }): ReactNode {
  const atWork = useTasks().filter(isAtWork).length;
  return (
    <Masthead>
      <MastheadMain>
        <MastheadToggle><PageToggleButton variant="plain" aria-label={text.nav.toggle}><BarsIcon /></PageToggleButton></MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props: object) => <Link {...props} to="/" />}><img src="/icon.svg" alt="" width="28" height="28" /> <span className="lodge-brand">{text.product}</span></MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic>
          <ToolbarContent>
            <ToolbarItem>
              <Button variant="control" className="lodge-search" icon={<SearchIcon />} onClick={onSearch} aria-label={`${text.header.searchHint} Ctrl K`} aria-keyshortcuts="Control+K">
                <span className="lodge-wide">{text.header.searchHint} <Badge isRead>Ctrl K</Badge></span>
              </Button>
            </ToolbarItem>
            <ToolbarGroup variant="action-group-plain" align={{ default: "alignEnd" }}>
              <ToolbarItem><Alarms /></ToolbarItem>
              <ToolbarItem>
                <NotificationBadge variant={atWork ? "unread" : "read"} count={atWork} isExpanded={tasksOpen} onClick={onTasks} aria-label={atWork ? text.header.tasksAtWork(atWork) : text.header.tasks} icon={<TasksIcon />} />
              </ToolbarItem>
              <ToolbarItem><ThemeMenu /></ToolbarItem>
              <ToolbarItem><UserMenu /></ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

function Banners(): ReactNode {
  const live = useLiveState();
  const access = useAccess();
  if (live === "down") return <Banner status="warning" screenReaderText="" aria-live="assertive">{text.banner.down}</Banner>;
  if (live === "off" && access.state === "in") return <Banner status="info" screenReaderText="">{text.banner.off} <Button variant="link" isInline onClick={() => location.reload()}>{text.banner.reload}</Button></Banner>;
  return null;
}

function Toasts(): ReactNode {
  const toasts = useToasts();
  return (
    <AlertGroup isToast isLiveRegion>
      {toasts.map((t) => (
        <Alert key={t.id} variant={t.variant} title={t.title} actionClose={<AlertActionCloseButton onClose={() => closeToast(t.id)} />} {...(t.link && { actionLinks: <Link to={t.link.to} onClick={() => closeToast(t.id)}>{t.link.label}</Link> })}>
          {t.detail && <p>{t.detail}</p>}
          {t.hint && <p>{t.hint}</p>}
        </Alert>
      ))}
    </AlertGroup>
  );
}

export function Frame({ children }: { children: ReactNode }): ReactNode {
  const [palette, setPalette] = useState(false);
  const [tasks, setTasks] = useState(false);
  const access = useAccess();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Page
        isManagedSidebar isContentFilled mainContainerId="main" mainTabIndex={-1} breadcrumb={undefined}
        masthead={<Header onSearch={() => setPalette(true)} onTasks={() => setTasks(!tasks)} tasksOpen={tasks} />}
        sidebar={<Sidebar />} skipToContent={<SkipToContent href="#main">{text.nav.skip}</SkipToContent>}
        isNotificationDrawerExpanded={tasks} notificationDrawer={tasks ? <TaskDrawer onClose={() => setTasks(false)} /> : undefined}
        banner={<Banners />}
      >
        {children}
      </Page>
      <Toasts />
      {palette && <Palette onClose={() => setPalette(false)} />}
      {access.state === "ended" && <LoginAgain user={access.session.user} />}
    </>
  );
}
