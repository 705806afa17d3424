// SPDX-License-Identifier: MIT
// Ctrl+K: every action by its name.

import { useId, useMemo, useState, type KeyboardEvent } from "react";
import { Dialog } from "./Dialog";
import { keysText } from "./Help";
import { useActionList, type Action } from "./actions";
import styles from "./Palette.module.css";

/** How well `typed` fits a title: its letters in order, better when together and at the beginning of words; or null. */
export function fitness(title: string, typed: string): number | null {
  const text = title.toLowerCase();
  let at = -1;
  let score = 0;
  for (const letter of typed.toLowerCase()) {
    if (letter === " ") continue;
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return null;
    score += next === at + 1 ? 3 : 0;
    score += next === 0 || text[next - 1] === " " ? 4 : 0;
    at = next;
  }
  return score - text.length / 100;
}

export function Palette({ onClose }: { readonly onClose: () => void }) {
  const all = useActionList((state) => state.all);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const found = useMemo(() => {
    const unique = new Map<string, Action>();
    for (const action of all) if (action.listed) unique.set(action.id, action);
    return [...unique.values()]
      .flatMap((action) => {
        const score = fitness(action.title, typed);
        return score === null ? [] : [{ action, score }];
      })
      .sort((a, b) => b.score - a.score)
      .map(({ action }) => action)
      .slice(0, 50);
  }, [all, typed]);
  const chosen = Math.min(at, found.length - 1);

  const run = (action: Action | undefined) => {
    if (!action) return;
    onClose();
    action.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined) setAt((chosen + move + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Commands" onClose={onClose}>
      <input
        className={styles["input"]}
        type="text"
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found[chosen] ? `${list}-${chosen}` : undefined}
        data-first
        placeholder="What to do…"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={list} className={styles["list"]} role="listbox" aria-label="Commands">
        {found.map((action, i) => (
          <li
            key={action.id}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseMove={() => setAt(i)}
            onClick={() => run(action)}
          >
            <span>{action.title}</span>
            {action.keys?.[0] && <kbd>{keysText(action.keys[0])}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className={styles["none"]}>Nothing is called like that.</p>}
    </Dialog>
  );
}
