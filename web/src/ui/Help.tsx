// SPDX-License-Identifier: MIT

import { Dialog } from "./Dialog";
import { useActionList, type Action } from "./actions";
import styles from "./Help.module.css";

// What charts do themselves while they have the focus.
const IN_CHARTS: readonly [keys: string, does: string][] = [
  ["← → ↑ ↓", "move the data cursor"],
  ["Home End", "first and last value"],
  ["w a s d", "move what is in view"],
  ["+ − 0", "closer, farther, all of it"],
  ["Enter", "select"],
];

export function keysText(keys: string): string {
  return keys.replace("Ctrl+k", "Ctrl+K").replace("Escape", "Esc");
}

export function Help({ onClose }: { readonly onClose: () => void }) {
  const groups = new Map<string, Map<string, Action>>();
  for (const action of useActionList((state) => state.all)) {
    if (!action.keys?.length) continue;
    const group = groups.get(action.group) ?? new Map<string, Action>();
    group.set(action.id, action);
    groups.set(action.group, group);
  }
  return (
    <Dialog title="Keyboard" onClose={onClose} wide>
      <div className={styles["groups"]}>
        {[...groups].map(([title, actions]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {[...actions.values()].map((action) => (
                <Row key={action.id} keys={action.keys!.map(keysText)} does={action.title} />
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>In a chart</h3>
          <dl>
            {IN_CHARTS.map(([keys, does]) => (
              <Row key={keys} keys={[keys]} does={does} />
            ))}
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

function Row({ keys, does }: { readonly keys: readonly string[]; readonly does: string }) {
  return (
    <div className={styles["row"]}>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{does}</dd>
    </div>
  );
}
