// The head of every page: its title (also the window's), where it stands, its buttons.
import { Breadcrumb, BreadcrumbItem } from "@pf/Breadcrumb";
import { Flex, FlexItem } from "@pf-layouts/Flex";
import { PageBreadcrumb, PageSection } from "@pf/Page";
import { Title } from "@pf/Title";
import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";
import { text } from "../text/en";

interface Props {
  title: string;
  /** Where it stands: from the outermost. */
  path?: readonly { to: string; label: string }[];
  /** Beside the title: a state. */
  beside?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}

export function PageHead({ title, path, beside, actions, children }: Props): ReactNode {
  useEffect(() => {
    document.title = `${[title, ...(path ?? []).map((p) => p.label).reverse()].join(" · ")} · ${text.product}`;
  }, [title, path]);
  return (
    <>
      {path && (
        <PageBreadcrumb>
          <Breadcrumb>
            {path.map((p) => <BreadcrumbItem key={p.to} render={({ className }) => <Link className={className} to={p.to}>{p.label}</Link>} />)}
            <BreadcrumbItem isActive>{title}</BreadcrumbItem>
          </Breadcrumb>
        </PageBreadcrumb>
      )}
      <PageSection hasBodyWrapper={false} isFilled={false}>
        <Flex justifyContent={{ default: "justifyContentSpaceBetween" }} alignItems={{ default: "alignItemsCenter" }}>
          <FlexItem>
            <Flex alignItems={{ default: "alignItemsCenter" }}>
              <FlexItem><Title headingLevel="h1" className="lodge-title">{title}</Title></FlexItem>
              {beside && <FlexItem>{beside}</FlexItem>}
            </Flex>
          </FlexItem>
          {actions && <FlexItem>{actions}</FlexItem>}
        </Flex>
        {children}
      </PageSection>
    </>
  );
}
