// One search for everything, and the command palette: Ctrl-K, or a click on the search field.
import { Modal, ModalBody, ModalHeader } from "@pf/Modal";
import { Menu, MenuContent, MenuGroup, MenuItem, MenuList } from "@pf/Menu";
import { SearchInput } from "@pf/SearchInput";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useEffect, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { action } from "../api/client";
import { type Command, findCommands, guestCommands, resourceCommands } from "../models/palette";
import { useCollection } from "../state/queries";
import { sendOrTell } from "../state/send";
import { text } from "../text/en";
import { pages } from "../pages/routes";

export function Palette({ onClose }: { onClose: () => void }): ReactNode {
  const navigate = useNavigate();
  const [input, setInput] = useState("");
  const [at, setAt] = useState(0);
  const guests = useCollection("guests").data?.items;
  const images = useCollection("images").data?.items;
  const volumes = useCollection("volumes").data?.items;
  const networks = useCollection("networks").data?.items;
  const commands = useMemo<Command[]>(() => [
    ...pages.map((p) => ({ id: p.path, group: "pages" as const, label: p.title, words: p.title.toLowerCase(), to: p.path })),
    { id: "create", group: "actions", label: text.palette.createGuest, words: "create new guest vm container", to: "/guests/new" },
    ...guestCommands(guests ?? []),
    ...resourceCommands("images", images ?? [], "/images"), ...resourceCommands("volumes", volumes ?? [], "/storage/volumes"), ...resourceCommands("networks", networks ?? [], "/networks"),
  ], [guests, images, volumes, networks]);
  const wanted = useDeferredValue(input);
  const found = useMemo(() => findCommands(commands, wanted), [commands, wanted]);

  useEffect(() => document.getElementById("palette-input")?.focus(), []);

  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    if (command.act) void sendOrTell(action("guests", command.act.guest, command.act.verb), text.guests.failed(command.label, command.act.guest));
    else if (command.to) void navigate(command.to);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && found.length) {
      event.preventDefault();
      setAt((at + step + found.length) % found.length);
      document.getElementById(`palette-${found[(at + step + found.length) % found.length]?.id}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      run((wanted === input ? found : findCommands(commands, input))[at]);
    }
  };
  const groups = [...new Set(found.map((c) => c.group))];
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-label={text.palette.title} position="top" elementToFocus="#palette-input">
      <ModalHeader title={text.palette.title} description={text.palette.hint} />
      <ModalBody>
        <div onKeyDown={onKey}>
          <SearchInput
            searchInputId="palette-input" placeholder={text.palette.placeholder} value={input} aria-label={text.palette.placeholder}
            onChange={(_, v) => { setInput(v); setAt(0); }} onClear={() => setInput("")}
            aria-controls="palette-list" aria-activedescendant={found[at] ? `palette-${found[at].id}` : undefined}
          />
          <Menu isPlain isScrollable onSelect={(_, id) => run(found.find((c) => c.id === id))}>
            <MenuContent maxMenuHeight="22rem" id="palette-list">
              {groups.map((group) => (
                <MenuGroup key={group} label={text.palette.groups[group]} labelHeadingLevel="h3">
                  <MenuList>
                    {found.filter((c) => c.group === group).map((c) => (
                      <MenuItem key={c.id} id={`palette-${c.id}`} itemId={c.id} isFocused={c === found[at]} description={c.detail}>{c.label}</MenuItem>
                    ))}
                  </MenuList>
                </MenuGroup>
              ))}
              {!found.length && <p className="lodge-pad">{text.palette.empty}</p>}
            </MenuContent>
          </Menu>
        </div>
      </ModalBody>
    </Modal>
  );
}
