// Images to choose from, as cards: those that a guest of a kind can be made of.
import { Card, CardBody, CardHeader, CardTitle } from "@pf/Card";
import { Label } from "@pf/Label";
import { Gallery } from "@pf-layouts/Gallery";
import type { ReactNode } from "react";
import type { Image } from "../api/generated";
import { bytes } from "../models/format";
import { isStarter } from "../models/guestWizard";
import { text } from "../text/en";

interface CardProps {
  id: string;
  group: string;
  title: string;
  chosen: boolean;
  onChoose: () => void;
  children: ReactNode;
}

function Choice({ id, group, title, chosen, onChoose, children }: CardProps): ReactNode {
  return (
    <Card isSelectable isCompact isSelected={chosen} id={id}>
      <CardHeader selectableActions={{ selectableActionId: `${id}-input`, selectableActionAriaLabelledby: id, name: group, variant: "single", onChange: onChoose, isChecked: chosen }}>
        <CardTitle component="h2"><bdi>{title}</bdi></CardTitle>
      </CardHeader>
      <CardBody className="lodge-subtle">{children}</CardBody>
    </Card>
  );
}

/** `none`: a card for a disk without an image. */
export function ImageCards({ images, chosen, onChoose, none }: { images: readonly Image[]; chosen: string | undefined; onChoose: (name: string) => void; none: boolean }): ReactNode {
  return (
    <Gallery hasGutter minWidths={{ default: "min(15rem, 100%)" }} role="radiogroup" aria-label={text.wizard.image}>
      {images.map((image) => {
        const { name, description, uuid } = image.metadata;
        return (
          <Choice key={uuid} id={`image-${uuid}`} group="image" title={name} chosen={chosen === name} onChoose={() => onChoose(name)}>
            {description && <p>{description}</p>}
            <p>{text.wizard.imageSize(bytes(image.status.virtual_size))} {isStarter(image) && <Label isCompact color="blue">{text.wizard.starter}</Label>}</p>
          </Choice>
        );
      })}
      {none && <Choice id="image-none" group="image" title={text.wizard.noImage} chosen={chosen === ""} onChoose={() => onChoose("")}><p>{text.wizard.noImageBody}</p></Choice>}
    </Gallery>
  );
}
