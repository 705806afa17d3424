// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { visibleLines, visibleText } from "./names";

describe("text from outside", () => {
  it("is on one line, and neither turns nor hides what stands around it", () => {
    expect(visibleText("a\r\nb\tc\rd")).toBe("a↵b⇥c↵d");
    expect(visibleText("abc\u202egnp.exe\u202c\u2066\u200b\ufeff\u0007\u009f")).toBe("abc�gnp.exe������");
    expect(visibleText("</script><img src=x>")).toBe("</script><img src=x>");
    expect(visibleText("日本 ﷽ 👩‍👩")).toBe("日本 ﷽ 👩�👩"); // joiners hide, too
  });

  it("keeps its lines where there is room for them", () => {
    expect(visibleLines("a\r\nb\rc\n\td\u202e\u0000")).toBe("a\nb\nc\n\td��");
  });
});
