// SPDX-License-Identifier: MIT

import { useLiveValue } from "../../live/feed";
import { usePreferences } from "../../state/preferences";
import { Controls } from "./Controls";
import styles from "./Live.module.css";
import { LiveHeat } from "./LiveHeat";
import { LivePower } from "./LivePower";
import { Now } from "./Now";
import { Sensors } from "./Sensors";
import { TokenStream } from "./TokenStream";
import { Welcome } from "./Welcome";

export function Live() {
  const hasRun = useLiveValue((run) => run !== null);
  return (
    <div className={styles["live"]}>
      <h1 className={styles["title"]}>Live</h1>
      <div className={styles["side"]}>
        <Controls />
        <Sensors />
      </div>
      <div className={styles["main"]}>
        <Quiet />
        {hasRun ? (
          <>
            <Now />
            <LivePower />
            <div className={styles["pair"]}>
              <LiveHeat />
              <TokenStream />
            </div>
          </>
        ) : (
          <Welcome />
        )}
      </div>
    </div>
  );
}

function Quiet() {
  const quiet = usePreferences((state) => state.quiet);
  if (!quiet) return null;
  return (
    <p className={styles["quiet"]}>
      Quiet: nothing is drawn while a run goes on; all of it appears when it has ended.
    </p>
  );
}
