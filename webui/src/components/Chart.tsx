// One small chart over time. Loaded when it is first needed: import it lazily.
import { type ReactNode, useEffect, useRef } from "react";
import uPlot from "uplot";

export interface Line {
  label: string;
  values: readonly (number | null)[];
}

interface Props {
  /** Seconds since 1970. */
  times: readonly number[];
  lines: readonly Line[];
  /** The upper end of the scale, where there is one. */
  max?: number | undefined;
  format: (value: number) => string;
  /** Distances between the lines of the scale, from small to large. */
  steps?: number[] | undefined;
  /** What a screen reader says of it. */
  label: string;
  dark: boolean;
}

const HEIGHT_PX = 110;
const LEAST_SPAN_S = 120;
/** Where times may stand, in seconds: labels say minutes. */
const MINUTES = [60, 120, 300, 600, 900, 1800, 3600];

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** A colour of the theme. */
function tone(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim() || "gray";
}

function options(box: HTMLElement, { lines, max, format, steps }: Props, dark: boolean): uPlot.Options {
  const strokes = [tone(box, "--pf-t--global--color--brand--default"), tone(box, "--pf-t--global--color--status--info--default")];
  const ink = tone(box, "--pf-t--global--text--color--subtle");
  const grid = { stroke: tone(box, "--pf-t--global--border--color--default"), width: 1 };
  const font = `12px ${tone(box, "--pf-t--global--font--family--body")}`;
  return {
    width: box.clientWidth, height: HEIGHT_PX, legend: { show: false }, cursor: { show: false }, padding: [8, 16, 0, 0],
    scales: {
      x: { time: true, range: (_, from, to) => [Math.min(from, to - LEAST_SPAN_S), to] },
      y: { range: (_, __, to) => [0, max ?? Math.max(1, (to ?? 0) * 1.15)] },
    },
    axes: [
      { stroke: ink, grid: { show: false }, ticks: grid, font, size: 28, space: 50, incrs: MINUTES, values: (_, splits) => splits.map((s) => clock.format(s * 1000)) },
      { stroke: ink, grid, ticks: { show: false }, font, size: 68, space: 30, ...(steps && { incrs: steps }), values: (_, splits) => splits.map((v) => format(v)) },
    ],
    series: [{}, ...lines.map((line, i): uPlot.Series => ({ label: line.label, stroke: strokes[i] ?? ink, width: 2, points: { show: (plot) => (plot.data[0]?.length ?? 0) < 3 }, ...(lines.length === 1 && { fill: `${strokes[i] ?? ink}${dark ? "33" : "22"}` }) }))],
  };
}

export default function Chart(props: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const { dark, max } = props;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const made = new uPlot(options(element, props, dark), data(props), element);
    plot.current = made;
    const sizes = new ResizeObserver(() => { if (element.clientWidth) made.setSize({ width: element.clientWidth, height: HEIGHT_PX }); });
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
    // made anew for another theme or scale; new figures go in below
  }, [dark, max, props.lines.length]);
  useEffect(() => { plot.current?.setData(data(props)); }, [props.times]);
  return <div ref={box} role="img" aria-label={props.label} className="lodge-chart" />;
}

function data({ times, lines }: Props): uPlot.AlignedData {
  return [times.slice(), ...lines.map((l) => l.values.slice())];
}
