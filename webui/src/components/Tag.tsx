// A label as PatternFly draws it, by its classes: its own component measures itself, which forces the page's layout for each one, and
// lists show hundreds.
import "@patternfly/react-styles/css/components/Label/label.css";
import type { ReactNode } from "react";

export type TagColor = "grey" | "green" | "blue" | "orange" | "red" | "teal";

interface Props {
  color?: TagColor;
  icon?: ReactNode;
  outline?: boolean;
  children: ReactNode;
}

export function Tag({ color = "grey", icon, outline, children }: Props): ReactNode {
  return (
    <span className={`pf-v6-c-label pf-m-compact${color === "grey" ? "" : ` pf-m-${color}`}${outline ? " pf-m-outline" : ""}`}>
      <span className="pf-v6-c-label__content">
        {icon && <span className="pf-v6-c-label__icon">{icon}</span>}
        <span className="pf-v6-c-label__text">{children}</span>
      </span>
    </span>
  );
}
