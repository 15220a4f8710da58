// Every page of the navigation, in its order: routes, navigation and the palette are made from these rows.
import { BellIcon } from "@pf-icons/bell-icon";
import { CogIcon } from "@pf-icons/cog-icon";
import { CubesIcon } from "@pf-icons/cubes-icon";
import { DatabaseIcon } from "@pf-icons/database-icon";
import { ImageIcon } from "@pf-icons/image-icon";
import { NetworkIcon } from "@pf-icons/network-icon";
import { ServerIcon } from "@pf-icons/server-icon";
import { TachometerAltIcon } from "@pf-icons/tachometer-alt-icon";
import { UsersIcon } from "@pf-icons/users-icon";
import type { ComponentType } from "react";
import { text } from "../text/en";

export interface PageRow {
  path: string;
  title: string;
  icon: ComponentType;
}

export const pages: readonly PageRow[] = [
  { path: "/", title: text.nav.overview, icon: TachometerAltIcon },
  { path: "/guests", title: text.nav.guests, icon: CubesIcon },
  { path: "/images", title: text.nav.images, icon: ImageIcon },
  { path: "/storage", title: text.nav.storage, icon: DatabaseIcon },
  { path: "/networks", title: text.nav.networks, icon: NetworkIcon },
  { path: "/nodes", title: text.nav.nodes, icon: ServerIcon },
  { path: "/activity", title: text.nav.activity, icon: BellIcon },
  { path: "/access", title: text.nav.access, icon: UsersIcon },
  { path: "/settings", title: text.nav.settings, icon: CogIcon },
];
