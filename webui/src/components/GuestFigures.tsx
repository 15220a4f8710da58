// Live figures as four small charts, of what was heard since the page was opened.
import { Card, CardBody, CardTitle } from "@pf/Card";
import { Skeleton } from "@pf/Skeleton";
import { Gallery } from "@pf-layouts/Gallery";
import { lazy, type ReactNode, Suspense, useMemo } from "react";
import { fields, type Guest } from "../api/generated";
import { byteRate, bytes, percent } from "../models/format";
import type { Sample } from "../models/history";
import { useDark } from "../state/theme";
import { text } from "../text/en";

const Chart = lazy(() => import("./Chart"));

interface Panel {
  title: string;
  lines: readonly { label: string; of: keyof Sample; tone: string }[];
  format: (value: number) => string;
  max?: number;
  steps?: number[];
}

/** So that lines stand at 128 MiB, not at 95.4 MiB. */
const BINARY = Array.from({ length: 44 }, (_, i) => 2 ** i);

function panelsOf(guest: Guest): Panel[] {
  const cores = guest.status.effective?.cpu?.cores ?? guest.spec.cpu?.cores ?? fields.guest_cpu.cores.default;
  const memory = guest.status.memory?.max;
  return [
    { title: text.guest.cpu, lines: [{ label: text.guest.used, of: "cpu", tone: "a" }], format: (v) => percent(v / cores), max: cores },
    { title: text.guest.memory, lines: [{ label: text.guest.used, of: "memory", tone: "a" }], format: bytes, steps: BINARY, ...(memory && { max: memory }) },
    { title: text.guest.disk, lines: [{ label: text.guest.read, of: "read", tone: "a" }, { label: text.guest.write, of: "write", tone: "b" }], format: byteRate, steps: BINARY },
    { title: text.guest.network, lines: [{ label: text.guest.received, of: "rx", tone: "a" }, { label: text.guest.sent, of: "tx", tone: "b" }], format: byteRate, steps: BINARY },
  ];
}

function Figure({ panel, samples, dark }: { panel: Panel; samples: readonly Sample[]; dark: boolean }): ReactNode {
  const times = useMemo(() => samples.map((s) => s.time), [samples]);
  const lines = panel.lines.map((l) => ({ label: l.label, values: samples.map((s) => s[l.of]) }));
  const last = samples.at(-1);
  const now = panel.lines.map((l) => {
    const value = last?.[l.of];
    return { ...l, value: value === null || value === undefined ? "–" : panel.format(value) };
  });
  const said = now.map((n) => (panel.lines.length > 1 ? `${n.value} ${n.label}` : n.value)).join(", ");
  return (
    <Card isCompact>
      <CardTitle component="h2" className="lodge-figure">
        {panel.title}
        <span className="lodge-now">{now.map((n) => <span key={n.label}>{panel.lines.length > 1 && <><i className={`lodge-key-${n.tone}`} aria-hidden="true" /> {n.label} </>}<strong>{n.value}</strong></span>)}</span>
      </CardTitle>
      <CardBody><Chart times={times} lines={lines} max={panel.max} steps={panel.steps} format={panel.format} label={text.guest.chart(panel.title, said)} dark={dark} /></CardBody>
    </Card>
  );
}

export function GuestFigures({ guest, samples }: { guest: Guest; samples: readonly Sample[] }): ReactNode {
  const dark = useDark();
  return (
    <Suspense fallback={<Skeleton height="10rem" screenreaderText={text.common.loading} />}>
      <Gallery hasGutter aria-label={`${text.guest.figures}: ${text.guest.sinceOpened}`} role="group" minWidths={{ default: "min(15rem, 100%)" }}>
        {panelsOf(guest).map((panel) => <Figure key={panel.title} panel={panel} samples={samples} dark={dark} />)}
      </Gallery>
    </Suspense>
  );
}
