// Parts that the plainer pages share: a list page of one kind.
import { Button } from "@pf/Button";
import { PageSection } from "@pf/Page";
import { type ReactNode, useMemo } from "react";
import type { Plural } from "../api/client";
import type { Kinds } from "../api/generated";
import { Forbidden, ProblemState } from "../components/Problem";
import { type Column, ResourceTable } from "../components/ResourceTable";
import { useCollection } from "../state/queries";
import { useMay } from "../state/session";

interface ListProps<K extends Plural> {
  kind: K;
  what: string;
  columns: readonly Column<Kinds[K]>[];
  searchable: (item: Kinds[K]) => string;
  empty: { title: string; body: ReactNode; action?: ReactNode };
  keep?: (item: Kinds[K]) => boolean;
  rowActions?: (item: Kinds[K]) => ReactNode;
  actions?: ReactNode;
  initialSort?: { column: string; descending: boolean };
  /** Tells lists of one kind apart. */
  id?: string;
}

/** The list of a kind, or why it cannot be shown. */
export function KindList<K extends Plural>({ kind, id, keep, ...table }: ListProps<K>): ReactNode {
  const { data, error, refetch } = useCollection(kind);
  const mayRead = useMay(`${kind}.read`);
  const items = useMemo(() => data && (keep ? data.items.filter(keep) : data.items), [data, keep]);
  return (
    <PageSection hasBodyWrapper={false} isFilled className="lodge-fill">
      {!mayRead ? <Forbidden permission={`${kind}.read`} /> : error ? <ProblemState error={error} retry={() => void refetch()} /> : <ResourceTable id={id ?? kind} items={items} {...table} />}
    </PageSection>
  );
}

export function CreateButton({ permission, label, onClick }: { permission: string; label: string; onClick: () => void }): ReactNode {
  const may = useMay(permission);
  return <Button variant="primary" isDisabled={!may} onClick={onClick}>{label}</Button>;
}
