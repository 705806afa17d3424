// SPDX-License-Identifier: MIT
// The server's token. It comes in the fragment of the address that `ergon serve --token` prints, is exchanged for a
// cookie that scripts cannot read, and is taken out of the address.

import { ApiError } from "./client";

/** Takes `#t=TOKEN` out of the address, so that it stays in no history and no copied link. */
export function takeToken(window: Window): string | null {
  const match = /^#t=([^&]+)/.exec(window.location.hash);
  if (!match?.[1]) return null;
  window.history.replaceState(null, "", window.location.pathname);
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

/** Throws an ApiError when the token is wrong or the server does not answer. */
export async function openSession(token: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch("/session", {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
  } catch {
    throw new ApiError({ status: 0, code: "unreachable", detail: "the server does not answer" });
  }
  if (response.status === 401)
    throw new ApiError({
      status: 401,
      code: "unauthorized",
      detail: "this is not the server's token",
    });
  // a server without a token has no such path: nothing to do
  if (!response.ok && response.status !== 404) {
    throw new ApiError({
      status: response.status,
      code: "unexpected",
      detail: `the server answered ${response.status}`,
    });
  }
}
