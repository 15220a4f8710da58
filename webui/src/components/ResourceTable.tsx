// The list of a page: filter, sort, columns, selection, thousands of rows. Only the rows in sight are in the document; for screen
// readers it stays one table (aria-rowcount, aria-rowindex). Filter and sort stand in the address, so that a link shows the same.
import { Button } from "@pf/Button";
import { Checkbox } from "@pf/Checkbox";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { MenuToggle } from "@pf/MenuToggle";
import { Popover } from "@pf/Popover";
import { SearchInput } from "@pf/SearchInput";
import { Skeleton } from "@pf/Skeleton";
import { Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from "@pf/Toolbar";
import { ColumnsIcon } from "@pf-icons/columns-icon";
import { SearchIcon } from "@pf-icons/search-icon";
import { Table, Th, Thead, Tr } from "@pf-table/Table";
import { type Range, useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { Recycler } from "../models/recycle";
import { readChoice, writeChoice } from "../state/choices";
import { useNarrow } from "../state/narrow";
import { text } from "../text/en";

export interface Column<T> {
  id: string;
  label: string;
  cell: (item: T) => ReactNode;
  /** Its place in the order; without one the column does not sort. */
  sort?: (item: T) => string | number | undefined;
  /** Not shown until somebody asks for it. */
  hidden?: boolean;
  /** Its share of the table's width, 8 when left out; the first column has 14. Widths never depend on what is in sight. */
  width?: number;
  /** For numbers. */
  end?: boolean;
}

interface Named {
  metadata: { uuid: string; name: string };
}

interface Props<T extends Named> {
  id: string;
  /** What the rows are: "guests". */
  what: string;
  items: readonly T[] | undefined;
  columns: readonly Column<T>[];
  /** What the filter looks in, in lower case. */
  searchable: (item: T) => string;
  filterHint?: string;
  /** Further filters beside the text. */
  filters?: ReactNode;
  /** Applied before the text filter. */
  keep?: (item: T) => boolean;
  empty: { title: string; body: ReactNode; action?: ReactNode; icon?: React.ComponentType };
  /** Buttons at the right. */
  actions?: ReactNode;
  /** With these rows can be selected; gets those that are. */
  bulk?: (selected: readonly T[], clear: () => void) => ReactNode;
  rowActions?: (item: T) => ReactNode;
  /** First the newest, unless somebody sorts. */
  initialSort?: { column: string; descending: boolean };
}

const ROW_PX = 49;
const LOADING_ROWS = 6;
const order = new Intl.Collator("en", { numeric: true });

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return typeof a === "number" && typeof b === "number" ? a - b : order.compare(String(a), String(b));
}

export function useSorted<T extends Named>(items: readonly T[], column: Column<T> | undefined, descending: boolean): readonly T[] {
  return useMemo(() => {
    if (!column?.sort) return items;
    const key = column.sort;
    const keyed = items.map((item) => ({ item, at: key(item) }));
    keyed.sort((a, b) => (descending ? compare(b.at, a.at) : compare(a.at, b.at)) || order.compare(a.item.metadata.name, b.item.metadata.name));
    return keyed.map((k) => k.item);
  }, [items, column, descending]);
}

export function ResourceTable<T extends Named>(props: Props<T>): ReactNode {
  const { id, items, columns, searchable, keep, empty, bulk, rowActions } = props;
  const [params, setParams] = useSearchParams();
  const filter = params.get("q") ?? "";
  const sortText = params.get("sort") ?? (props.initialSort ? `${props.initialSort.descending ? "-" : ""}${props.initialSort.column}` : (columns[0]?.id ?? ""));
  const descending = sortText.startsWith("-");
  const sortColumn = columns.find((c) => c.id === sortText.replace(/^-/, ""));
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<ReadonlySet<string>>(() => new Set(readChoice<string[]>(`columns.${id}`, columns.filter((c) => !c.hidden).map((c) => c.id))));

  const set = (key: string, value: string) =>
    setParams((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(key, value);
      else after.delete(key);
      return after;
    }, { replace: true });

  const words = useMemo(() => filter.toLowerCase().split(/\s+/).filter(Boolean), [filter]);
  const kept = useMemo(
    () => (items ?? []).filter((item) => (!keep || keep(item)) && (!words.length || matches(searchable(item), words))),
    [items, keep, searchable, words],
  );
  const rows = useSorted(kept, sortColumn, descending);
  const chosen = useMemo(() => (items ?? []).filter((item) => selected.has(item.metadata.uuid)), [items, selected]);
  const visible = columns.filter((c, i) => i === 0 || shown.has(c.id));

  const choose = (column: string, on: boolean) => {
    const next = new Set(shown);
    if (on) next.add(column);
    else next.delete(column);
    setShown(next);
    writeChoice(`columns.${id}`, [...next]);
  };
  const clear = () => setSelected(new Set());

  if (items && !items.length)
    return (
      <EmptyState titleText={empty.title} headingLevel="h2" {...(empty.icon && { icon: empty.icon })}>
        <EmptyStateBody>{empty.body}</EmptyStateBody>
        {empty.action && <EmptyStateFooter><EmptyStateActions>{empty.action}</EmptyStateActions></EmptyStateFooter>}
      </EmptyState>
    );

  return (
    <div className="lodge-list">
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <SearchInput
              aria-label={text.common.filter} placeholder={props.filterHint ?? text.common.filter} value={filter}
              onChange={(_, value) => set("q", value)} onClear={() => set("q", "")}
            />
          </ToolbarItem>
          {props.filters}
          <ToolbarItem>
            <Popover
              aria-label={text.common.columns} showClose={false} hasAutoWidth position="bottom"
              bodyContent={columns.slice(1).map((c) => (
                <Checkbox key={c.id} id={`${id}-column-${c.id}`} label={c.label} isChecked={shown.has(c.id)} onChange={(_, on) => choose(c.id, on)} />
              ))}
            >
              <MenuToggle variant="plain" aria-label={text.common.columns} icon={<ColumnsIcon />} />
            </Popover>
          </ToolbarItem>
          {bulk && chosen.length > 0 && (
            <ToolbarGroup variant="action-group" aria-label={text.common.selected(chosen.length)}>
              <ToolbarItem><Button variant="link" isInline onClick={clear}>{text.common.selected(chosen.length)} ✕</Button></ToolbarItem>
              {bulk(chosen, clear)}
            </ToolbarGroup>
          )}
          <ToolbarGroup align={{ default: "alignEnd" }} variant="action-group">
            <ToolbarItem className="lodge-count" aria-live="polite">{items && text.common.of(rows.length, items.length, props.what)}</ToolbarItem>
            {props.actions}
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>
      <Rows
        label={props.what} loading={!items} rows={rows} columns={visible} sort={{ column: sortColumn?.id, descending }} rowActions={rowActions}
        onSort={(column) => set("sort", column === sortColumn?.id && !descending ? `-${column}` : column)}
        {...(bulk && { selection: { selected, set: setSelected } })}
      />
      {items && !rows.length && (
        <EmptyState titleText={text.common.nothingMatches} icon={SearchIcon} headingLevel="h2">
          <EmptyStateBody>{text.common.nothingMatchesBody}</EmptyStateBody>
          <EmptyStateFooter><EmptyStateActions><Button variant="link" onClick={() => setParams({}, { replace: true })}>{text.common.clearFilter}</Button></EmptyStateActions></EmptyStateFooter>
        </EmptyState>
      )}
    </div>
  );
}

function matches(haystack: string, words: readonly string[]): boolean {
  return words.every((word) => haystack.includes(word));
}

interface RowProps {
  item: Named;
  index: number;
  /** Its distance from the first row's place, in pixels. */
  start: number;
  columns: readonly Column<Named>[];
  /** Where rows differ in height: phones. */
  measure: ((element: Element | null) => void) | undefined;
  selected: boolean | undefined;
  toggle: ((uuid: string, on: boolean) => void) | undefined;
  actions: ((item: Named) => ReactNode) | undefined;
}

/** Plain elements and few style rules: hundreds of these pass by while somebody scrolls, and PatternFly's table costs too much for that. */
const Row = memo(function Row({ item, index, start, columns, measure, selected, toggle, actions }: RowProps): ReactNode {
  const { uuid, name } = item.metadata;
  const row = useRef<HTMLTableRowElement>(null);
  const before = useRef(uuid);
  // Who has the focus in a row does not get it moved to another item under their hands.
  useLayoutEffect(() => {
    if (before.current !== uuid && row.current?.contains(document.activeElement)) (document.activeElement as HTMLElement).blur();
    before.current = uuid;
  }, [uuid]);
  useLayoutEffect(() => measure?.(row.current), [measure, index]);
  return (
    <tr ref={row} role="row" data-index={index} aria-rowindex={index + 2} className={`lodge-tr${selected ? " lodge-selected" : ""}`} style={{ transform: `translateY(${start}px)` }}>
      {toggle && (
        <td role="cell" className="lodge-td lodge-td-check">
          <label><input type="checkbox" checked={selected ?? false} aria-label={text.common.selectRow(name)} onChange={(e) => toggle(uuid, e.target.checked)} /></label>
        </td>
      )}
      {columns.map((c) => <td key={c.id} role="cell" data-label={c.label} className={c.end ? "lodge-td lodge-end" : "lodge-td"}>{c.cell(item)}</td>)}
      {actions && <td role="cell" className="lodge-td lodge-td-actions" key={uuid}>{actions(item)}</td>}
    </tr>
  );
});

interface RowsProps<T extends Named> {
  label: string;
  loading: boolean;
  rows: readonly T[];
  columns: readonly Column<T>[];
  sort: { column: string | undefined; descending: boolean };
  onSort: (column: string) => void;
  selection?: { selected: ReadonlySet<string>; set: (next: ReadonlySet<string>) => void };
  rowActions: ((item: T) => ReactNode) | undefined;
}

/** One grid line for head and rows, which thereby agree on their columns' places. */
function gridOf(columns: readonly Column<Named>[], selection: boolean, actions: boolean): string {
  return [selection ? "3.5rem" : "", ...columns.map((c, i) => `minmax(0, ${c.width ?? (i === 0 ? 14 : 8)}fr)`), actions ? "4rem" : ""].filter(Boolean).join(" ");
}

/** As many rows as ever were in sight, so that none comes or goes while the list moves. */
function useWindow(): (range: Range) => number[] {
  const most = useRef(0);
  return useCallback((range: Range) => {
    most.current = Math.min(range.count, Math.max(most.current, range.endIndex - range.startIndex + 1 + 2 * range.overscan));
    const first = Math.max(0, Math.min(range.startIndex - range.overscan, range.count - most.current));
    return Array.from({ length: most.current }, (_, i) => first + i);
  }, []);
}

function Rows<T extends Named>({ label, loading, rows, columns: typed, sort, onSort, selection, rowActions }: RowsProps<T>): ReactNode {
  const columns = typed as readonly Column<Named>[];
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 4, getItemKey: (i) => rows[i]?.metadata.uuid ?? i, rangeExtractor: useWindow(),
  });
  const recycler = useRef(new Recycler());
  const inSight = virtual.getVirtualItems();
  const places = recycler.current.place(inSight.map((row) => String(row.key)), narrow || !virtual.isScrolling);
  const everySelected = selection !== undefined && rows.length > 0 && rows.every((r) => selection.selected.has(r.metadata.uuid));

  const now = useRef(selection);
  now.current = selection;
  const toggle = useCallback((uuid: string, on: boolean) => {
    if (!now.current) return;
    const next = new Set(now.current.selected);
    if (on) next.add(uuid);
    else next.delete(uuid);
    now.current.set(next);
  }, []);

  return (
    <div className="lodge-scroller" ref={scroller} style={{ "--lodge-grid": gridOf(columns, selection !== undefined, rowActions !== undefined) } as React.CSSProperties}>
      <Table role="table" aria-label={label} variant="compact" aria-rowcount={rows.length + 1} aria-busy={loading}>
        <Thead role="rowgroup">
          <Tr role="row" aria-rowindex={1}>
            {selection && (
              <Th role="columnheader" screenReaderText={text.common.selectAll} select={{ isSelected: everySelected, onSelect: (_, on) => selection.set(on ? new Set(rows.map((r) => r.metadata.uuid)) : new Set()) }} />
            )}
            {columns.map((c, i) => (
              <Th
                key={c.id} role="columnheader" modifier="nowrap" {...(c.end && { className: "lodge-end" })}
                {...(c.sort && { sort: { columnIndex: i, sortBy: { index: columns.findIndex((x) => x.id === sort.column), direction: sort.descending ? "desc" as const : "asc" as const }, onSort: () => onSort(c.id) } })}
              >
                {c.label}
              </Th>
            ))}
            {rowActions && <Th role="columnheader" screenReaderText={text.common.actions} />}
          </Tr>
        </Thead>
        <tbody role="rowgroup" className="lodge-tbody" style={{ height: loading ? LOADING_ROWS * ROW_PX : virtual.getTotalSize() }}>
          {loading && Array.from({ length: LOADING_ROWS }, (_, i) => (
            <tr key={i} role="row" className="lodge-tr" style={{ transform: `translateY(${i * ROW_PX}px)` }}>
              {columns.map((c) => <td key={c.id} role="cell" className="lodge-td"><Skeleton screenreaderText={text.common.loading} /></td>)}
            </tr>
          ))}
          {places.map(({ slot, at }) => {
            const row = inSight[at];
            const item = row && rows[row.index];
            return item && (
              <Row
                key={narrow ? item.metadata.uuid : slot} item={item} index={row.index} start={row.start} columns={columns} measure={narrow ? virtual.measureElement : undefined}
                selected={selection?.selected.has(item.metadata.uuid)} toggle={selection && toggle} actions={rowActions as ((item: Named) => ReactNode) | undefined}
              />
            );
          })}
        </tbody>
      </Table>
    </div>
  );
}
