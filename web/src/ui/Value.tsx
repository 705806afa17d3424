// SPDX-License-Identifier: MIT

import type { ReactNode } from "react";
import type { Grade } from "../api/schema";
import { GRADES } from "../format/grade";
import { formatEnergy, UNKNOWN } from "../format/units";
import hidden from "./hidden.module.css";
import styles from "./Value.module.css";

/** An energy (or what was made of one) with how sure it is. */
export function Graded({
  grade,
  children,
}: {
  readonly grade: Grade | null | undefined;
  readonly children: ReactNode;
}) {
  if (!grade || children === UNKNOWN) return <>{children}</>;
  const { mark, says } = GRADES[grade];
  return (
    <span className={styles["graded"]} data-grade={grade} title={says}>
      {mark && (
        <span aria-hidden="true" className={styles["mark"]}>
          {mark}
        </span>
      )}
      {children}
      <span className={hidden["hidden"]}> ({grade})</span>
    </span>
  );
}

export function Energy({
  mj,
  grade,
}: {
  readonly mj: number | null | undefined;
  readonly grade?: Grade | null | undefined;
}) {
  return <Graded grade={grade}>{formatEnergy(mj)}</Graded>;
}
