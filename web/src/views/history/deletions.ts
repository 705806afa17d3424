// SPDX-License-Identifier: MIT
// The page's one list of deletions; it outlives the view, so that going to another one undoes nothing.

import type { QueryClient } from "@tanstack/react-query";
import { ApiError } from "../../api/client";
import { actions } from "../../api/queries";
import { makeDeletions } from "./model/deletions";

let settled: () => Promise<unknown> = () => Promise.resolve();

async function send(id: string, leaving: boolean): Promise<void> {
  try {
    await actions.remove(id, leaving);
  } catch (error) {
    // gone already, which is what was wanted
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

export const deletions = makeDeletions(send, () => settled());

/** Renews lists after a deletion, and sends what is left when the page is. Answers how to stop. */
export function bindDeletions(window: Window, client: QueryClient): () => void {
  settled = () =>
    Promise.all(["runs", "store"].map((key) => client.invalidateQueries({ queryKey: [key] })));
  const flush = () => deletions.flush();
  window.addEventListener("pagehide", flush);
  return () => window.removeEventListener("pagehide", flush);
}
