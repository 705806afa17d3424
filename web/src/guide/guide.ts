// SPDX-License-Identifier: MIT
// The user's guide as a page: its text is put into guide.html when the dashboard is built.

import { bindTheme } from "../state/preferences";
import "../theme.css";
import "../base.css";
import "./guide.css";

bindTheme(window);
