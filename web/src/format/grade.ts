// SPDX-License-Identifier: MIT
// How sure an energy is, in words.

import type { Grade } from "../api/schema";

export const GRADES: Record<Grade, { readonly mark: string; readonly says: string }> = {
  measured: { mark: "", says: "measured: a sensor was read at least ten times in this window" },
  interpolated: {
    mark: "~",
    says: "interpolated: the window is shorter than ten readings of the sensor",
  },
  attributed: { mark: "~", says: "attributed: split from what was measured, by a model" },
  estimated: { mark: "≈", says: "estimated: there is no sensor, a power model was used" },
  unavailable: { mark: "", says: "unavailable: nothing here tells energy" },
};
