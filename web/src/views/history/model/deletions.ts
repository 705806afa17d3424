// SPDX-License-Identifier: MIT
// Deleting with a way back: the page takes a run off the table at once, and asks the server to delete it only when
// the time for undoing is over or the page is left.

import { create, type StoreApi, type UseBoundStore } from "zustand";

export const UNDO_MS = 10_000;

export interface Deletion {
  readonly id: string;
  /** What the run is called to the person. */
  readonly label: string;
  /** Sent: it cannot be undone any more. */
  readonly sent: boolean;
}

export interface DeletionState {
  readonly deletions: readonly Deletion[];
  /** The last one that the server refused. */
  readonly failure: { readonly label: string; readonly reason: string } | null;
}

export interface Deletions {
  readonly use: UseBoundStore<StoreApi<DeletionState>>;
  add(id: string, label: string): void;
  /** False when it was too late. */
  undo(id: string): boolean;
  /** Sends all at once: the page is being left. */
  flush(): void;
  forgetFailure(): void;
}

/** `send` asks the server; `leaving` says that the page will not be there for the answer. */
export function makeDeletions(
  send: (id: string, leaving: boolean) => Promise<void>,
  settled: () => void | Promise<unknown>,
  delay = UNDO_MS,
): Deletions {
  const use = create<DeletionState>(() => ({ deletions: [], failure: null }));
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const drop = (id: string) =>
    use.setState(({ deletions }) => ({ deletions: deletions.filter((each) => each.id !== id) }));

  async function carryOut(id: string, leaving: boolean): Promise<void> {
    clearTimeout(timers.get(id));
    timers.delete(id);
    const label = use.getState().deletions.find((each) => each.id === id)?.label ?? id;
    use.setState(({ deletions }) => ({
      deletions: deletions.map((each) => (each.id === id ? { ...each, sent: true } : each)),
    }));
    try {
      await send(id, leaving);
    } catch (error) {
      use.setState({ failure: { label, reason: error instanceof Error ? error.message : String(error) } });
    }
    // it comes back, or is gone from the list, only when there is a new list
    await settled();
    drop(id);
  }

  return {
    use,
    add: (id, label) => {
      if (use.getState().deletions.some((each) => each.id === id)) return;
      use.setState(({ deletions }) => ({ deletions: [...deletions, { id, label, sent: false }], failure: null }));
      timers.set(id, setTimeout(() => void carryOut(id, false), delay));
    },
    undo: (id) => {
      if (!timers.has(id)) return false;
      clearTimeout(timers.get(id));
      timers.delete(id);
      drop(id);
      return true;
    },
    flush: () => {
      for (const id of [...timers.keys()]) void carryOut(id, true);
    },
    forgetFailure: () => use.setState({ failure: null }),
  };
}
