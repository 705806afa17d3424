// SPDX-License-Identifier: MIT
// Asks for the server's token where the page was opened without it.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { whenUnauthorized } from "../api/client";
import { openSession } from "../api/session";
import { feed } from "../live/feed";
import { Failure } from "./Panel";
import styles from "./TokenGate.module.css";

export function TokenGate({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const [locked, setLocked] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => whenUnauthorized(() => setLocked(true)), []);
  if (!locked) return children;

  const unlock = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get("token")).trim();
    try {
      await openSession(token);
    } catch (failure) {
      setError(failure);
      return;
    }
    setError(null);
    setLocked(false);
    feed.reconnect();
    void client.invalidateQueries();
  };
  return (
    <main className={styles["gate"]}>
      <h1>This server wants its token</h1>
      <p>
        Open the address that <code>ergon serve</code> has printed: it holds the token behind{" "}
        <code>#t=</code>. Or put the token here; it is kept as a cookie that ends with the server.
      </p>
      <form onSubmit={(event) => void unlock(event)}>
        <input
          type="password"
          name="token"
          aria-label="Token"
          autoComplete="off"
          required
          autoFocus
        />
        <button type="submit" className="primary">
          Open
        </button>
      </form>
      {error !== null && <Failure error={error} />}
    </main>
  );
}
