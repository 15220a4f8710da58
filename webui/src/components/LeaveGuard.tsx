// Asks before something that was typed is lost: by a link or the back button, or with the window.
import { Button } from "@pf/Button";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@pf/Modal";
import { type ReactNode, useEffect } from "react";
import { useBlocker } from "react-router";
import { text } from "../text/en";

interface Props {
  unsaved: boolean;
  /** Paths at which it is still there. */
  within: (pathname: string) => boolean;
}

/** State of a navigation that follows from saving. */
export const SAVED = { saved: true };

export function LeaveGuard({ unsaved, within }: Props): ReactNode {
  const blocker = useBlocker(({ nextLocation }) => unsaved && !within(nextLocation.pathname) && (nextLocation.state as typeof SAVED | null)?.saved !== true);
  useEffect(() => {
    if (!unsaved) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [unsaved]);
  useEffect(() => { if (blocker.state === "blocked" && !unsaved) blocker.proceed(); }, [blocker, unsaved]); // it was saved meanwhile
  if (blocker.state !== "blocked") return null;
  return (
    <Modal isOpen variant="small" aria-labelledby="leave-title" onClose={() => blocker.reset()}>
      <ModalHeader title={text.leave.title} titleIconVariant="warning" labelId="leave-title" />
      <ModalBody>{text.leave.body}</ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={() => blocker.reset()}>{text.leave.stay}</Button>
        <Button variant="link" isDanger onClick={() => blocker.proceed()}>{text.leave.go}</Button>
      </ModalFooter>
    </Modal>
  );
}
