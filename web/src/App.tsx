// SPDX-License-Identifier: MIT
export function App() {
  return <h1>Ergon</h1>;
}
