// SPDX-License-Identifier: MIT
// One of a few, side by side.

import styles from "./Choice.module.css";

interface Props<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly T[];
  readonly onChoose: (to: T) => void;
  /** How an option is called, where that is not its name. */
  readonly title?: (option: T) => string;
}

export function Choice<T extends string>({
  label,
  value,
  options,
  onChoose,
  title = (option) => option,
}: Props<T>) {
  return (
    <span className={styles["choice"]} role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          onClick={() => onChoose(option)}
        >
          {title(option)}
        </button>
      ))}
    </span>
  );
}
