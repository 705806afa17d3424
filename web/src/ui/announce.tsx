// SPDX-License-Identifier: MIT
// One polite live region for the whole page. Only the newest of several words in a short time is said.

import { create } from "zustand";
import styles from "./hidden.module.css";

const QUIET_MS = 700;
const useWords = create<{ words: string }>(() => ({ words: "" }));
let timer: ReturnType<typeof setTimeout> | undefined;

export function announce(words: string): void {
  clearTimeout(timer);
  timer = setTimeout(() => useWords.setState({ words }), QUIET_MS);
}

export function LiveRegion() {
  const { words } = useWords();
  return (
    <div className={styles["hidden"]} role="status" aria-live="polite">
      {words}
    </div>
  );
}
