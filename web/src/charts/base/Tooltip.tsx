// SPDX-License-Identifier: MIT
import { useLayoutEffect, useRef } from "react";

import type { Description } from "./chart";
import styles from "./chart.module.css";
import { placeTip, type Box } from "./geometry";

export interface TooltipProps {
  readonly description: Description;
  /** What it describes, in pixels of the window. */
  readonly anchor: Box;
}

/** Not read aloud: the chart's live region says the same. */
export function Tooltip({ description, anchor }: TooltipProps) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const tip = element.current;
    if (!tip) return;
    const size = { width: tip.offsetWidth, height: tip.offsetHeight };
    const place = placeTip(anchor, size, { width: innerWidth, height: innerHeight });
    tip.style.transform = `translate(${Math.round(place.x)}px, ${Math.round(place.y)}px)`;
  });
  return (
    <div ref={element} className={styles.tooltip} aria-hidden="true">
      <strong>{description.title}</strong>
      <dl>
        {description.rows.map(([label, value], i) => (
          <div key={i}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
