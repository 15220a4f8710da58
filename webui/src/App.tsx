// Who is signed in decides what is shown: the frame with its pages, or the login.
import { Spinner } from "@pf/Spinner";
import { Component, type ErrorInfo, lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { createBrowserRouter, Navigate, Route, RouterProvider, Routes, useLocation } from "react-router";
import { Problem } from "./api/problem";
import { Frame } from "./components/Frame";
import { Missing, ProblemState } from "./components/Problem";
import { Guests } from "./pages/Guests";
import { Login } from "./pages/Login";
import { Overview } from "./pages/Overview";
import { PageHead } from "./pages/PageHead";
import { useLiveState } from "./state/live";
import { loadSession, useAccess } from "./state/session";
import { loadActiveTasks } from "./state/tasks";
import { text } from "./text/en";

// Pages that are not the first ones: loaded when somebody goes there.
const Access = lazy(() => import("./pages/Access").then((m) => ({ default: m.Access })));
const Activity = lazy(() => import("./pages/Activity").then((m) => ({ default: m.Activity })));
const GuestPage = lazy(() => import("./pages/GuestPage").then((m) => ({ default: m.GuestPage })));
const GuestWizard = lazy(() => import("./pages/GuestWizard").then((m) => ({ default: m.GuestWizard })));
const Images = lazy(() => import("./pages/Images").then((m) => ({ default: m.Images })));
const Networks = lazy(() => import("./pages/Networks").then((m) => ({ default: m.Networks })));
const Nodes = lazy(() => import("./pages/Nodes").then((m) => ({ default: m.Nodes })));
const Settings = lazy(() => import("./pages/Settings").then((m) => ({ default: m.Settings })));
const Storage = lazy(() => import("./pages/Storage").then((m) => ({ default: m.Storage })));

/** An error of the console in one page leaves the frame standing. */
class PageBoundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    const problem = new Problem({ status: 0, code: "console", title: text.problem.crashed, detail: error.message, hint: text.problem.crashedHint });
    return <ProblemState error={problem} retry={() => this.setState({ error: undefined })} />;
  }
}

function NoPage({ path }: { path: string }): ReactNode {
  return <><PageHead title={text.problem.noPage} /><Missing kind="page" name={path} back="/" /></>;
}

function Pages(): ReactNode {
  const { pathname } = useLocation();
  const page = pathname.split("/")[1] ?? "";
  return (
    <PageBoundary key={page}>
      <Suspense fallback={<Spinner className="lodge-first" aria-label={text.common.loading} />}>
      <Routes>
        <Route path="/" element={<Overview />} />
        <Route path="/guests" element={<Guests />} />
        <Route path="/guests/new" element={<GuestWizard />} />
        <Route path="/guests/:name/:tab?" element={<GuestPage />} />
        <Route path="/images/:name?" element={<Images />} />
        <Route path="/storage/:tab?" element={<Storage />} />
        <Route path="/networks/:name?" element={<Networks />} />
        <Route path="/nodes/:name?" element={<Nodes />} />
        <Route path="/activity/:name?" element={<Activity />} />
        <Route path="/access/:tab?" element={<Access />} />
        <Route path="/settings" element={<Settings />} />
        <Route path="/login" element={<Navigate to="/" replace />} />
        <Route path="*" element={<NoPage path={pathname} />} />
      </Routes>
      </Suspense>
    </PageBoundary>
  );
}

/** What the address leads to, once it is known who asks. */
function Site(): ReactNode {
  return useAccess().state === "out" ? <Login /> : <Frame><Pages /></Frame>;
}

const router = createBrowserRouter([{ path: "*", element: <Site /> }]);

export function App(): ReactNode {
  const access = useAccess();
  const live = useLiveState();
  const [error, setError] = useState<unknown>();
  const load = () => {
    setError(undefined);
    loadSession().catch(setError);
  };
  useEffect(load, []);
  useEffect(() => {
    if (live === "up") loadActiveTasks().catch(() => undefined);
  }, [live]);
  if (error !== undefined) return <ProblemState error={error} retry={load} />;
  if (access.state === "unknown") return <Spinner className="lodge-first" aria-label={text.common.loading} />;
  return <RouterProvider router={router} />;
}
