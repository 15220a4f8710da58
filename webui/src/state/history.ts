// What a guest's figures were since somebody began to look: fed by the live events, never asked for.
import { useEffect, useState } from "react";
import type { Guest } from "../api/generated";
import { type Sample, sampleOf, withSample } from "../models/history";
import { follow } from "./live";

export function useHistory(guest: Guest | null | undefined): readonly Sample[] {
  const uuid = guest?.metadata.uuid;
  const [history, setHistory] = useState<{ uuid: string | undefined; samples: readonly Sample[] }>({ uuid: undefined, samples: [] });
  useEffect(() => {
    if (!uuid || !guest) return undefined;
    setHistory({ uuid, samples: [sampleOf(guest.status, Date.now() / 1000)] });
    return follow((_, lives) => {
      const live = lives.findLast((l) => l.kind === "guests" && l.uuid === uuid);
      if (live) setHistory((before) => ({ uuid, samples: withSample(before.samples, sampleOf(live.status, Date.now() / 1000)) }));
    });
    // the guest itself changes with every event: only another guest begins anew
  }, [uuid]);
  return history.uuid === uuid ? history.samples : [];
}
