// SPDX-License-Identifier: MIT
// The charts in a browser: drawing, keyboard, pointer, tooltip, live region, theme, export.
// node --test bench/charts.test.ts

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { openGallery, type Gallery } from "./browser.ts";

let gallery: Gallery;
let page: Page;

before(async () => {
  gallery = await openGallery();
  page = await gallery.page("");
});
after(() => gallery.close());

const chart = (name: string) => page.locator(`#${name} [role=application]`);
const reports = (name: string) =>
  page.evaluate(
    (n) => window.reports.filter(([each]) => each === n).map(([, ...rest]) => rest),
    name,
  );
const lastReport = async (name: string) => (await reports(name)).at(-1);

/**
 * A number for what a canvas of a chart shows: 0 is the chart, 1 its cursor (lines may lie
 * between).
 */
const picture = (name: string, which: "first" | "last" = "first") =>
  chart(name).evaluate((root, side) => {
    const all = [...root.querySelectorAll("canvas")];
    const canvas = side === "first" ? all[0]! : all.at(-1)!;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    for (let i = 0; i < data.length; i++) hash = (Math.imul(hash, 31) + data[i]!) | 0;
    return hash;
  }, which);

const twoFrames = () =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`not in 20 s: ${what}`);
    await twoFrames();
  }
}

const tooltip = () => page.locator("[class*=tooltip]");

async function boxOf(name: string) {
  await chart(name).scrollIntoViewIfNeeded();
  return (await chart(name).boundingBox())!;
}

describe("every chart", () => {
  it("is drawn, named, and reached by Tab", async () => {
    const names = await page.locator("section").evaluateAll((all) => all.map(({ id }) => id));
    assert.ok(names.length >= 15);
    for (const name of names) {
      const root = chart(name);
      assert.ok(await root.getAttribute("aria-label"), name);
      assert.ok(await root.getAttribute("aria-roledescription"), name);
      await until(`${name} is drawn`, async () => {
        const colors = await root
          .locator("canvas")
          .first()
          .evaluate((canvas: HTMLCanvasElement) => {
            const { data } = canvas
              .getContext("2d")!
              .getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
          });
        return colors > 8;
      });
    }
    await page.locator("body").press("Tab");
    const order: (string | null)[] = [];
    for (let i = 0; i < names.length; i++) {
      order.push(await page.evaluate(() => document.activeElement?.closest("section")?.id ?? null));
      await page.keyboard.press("Tab");
    }
    assert.deepEqual(order, names);
  });

  it("has no accessibility violations, light and dark", async () => {
    for (const theme of ["light", "dark"]) {
      const own = await gallery.page(`theme=${theme}`);
      await own.evaluate(axe.source);
      const violations = await own.evaluate(async () => {
        const { axe } = window as unknown as { axe: typeof import("axe-core") };
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      });
      // a gallery has no headings or landmarks of a page
      assert.deepEqual(
        violations.filter((each) => !/^page-has-heading/.test(each)),
        [],
      );
      await own.close();
    }
  });

  it("becomes SVG and PNG that look the same", async () => {
    const names = await page.evaluate(() => [...window.handles.keys()]);
    for (const name of names) {
      const { difference, width, texts } = await page.evaluate(compareExports, name);
      assert.ok(width > 300, name);
      assert.ok(texts > 2, `${name}: ${texts} texts`);
      assert.ok(
        difference < 0.03,
        `${name}: ${(100 * difference).toFixed(1)} % of the pixels differ`,
      );
    }
  });
});

/** Share of pixels that differ clearly between the PNG and the drawn SVG of a chart. */
async function compareExports(name: string) {
  const handle = window.handles.get(name)!;
  const svg = handle.svg();
  const parsed = new DOMParser().parseFromString(svg, "image/svg+xml");
  if (parsed.querySelector("parsererror")) throw new Error(`${name} is no XML`);
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const bitmap = await createImageBitmap(await handle.png());
  const pixels = (source: CanvasImageSource) => {
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const context = canvas.getContext("2d")!;
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const [a, b] = [pixels(image), pixels(bitmap)];
  let differing = 0;
  for (let i = 0; i < a.length; i += 4) {
    const far = Math.max(...[0, 1, 2].map((k) => Math.abs(a[i + k]! - b[i + k]!)));
    if (far > 90) differing++;
  }
  return {
    difference: (4 * differing) / a.length,
    width: bitmap.width,
    texts: parsed.querySelectorAll("text").length,
  };
}

describe("the data cursor", () => {
  beforeEach(() => page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur()));

  it("moves by arrow keys, is shown, described and said", async () => {
    await chart("heatmap").focus();
    const before = await picture("heatmap", "last");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    await until("a tip", async () => (await tooltip().count()) === 1);
    assert.match(await tooltip().innerText(), /layer 0, input_layernorm\s+energy\s+\d+\sµJ/);
    assert.notEqual(await picture("heatmap", "last"), before);
    const said = chart("heatmap").locator("[aria-live=polite]");
    await until("it is said", async () => /layer 0, input_layernorm/.test(await said.innerText()));
  });

  it("activates by Enter and by click, and Escape goes back", async () => {
    await chart("heatmap").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    assert.deepEqual(await lastReport("heatmap"), ["activate", { row: 0, column: 18 }]);
    await page.keyboard.press("Escape");
    assert.deepEqual(await lastReport("heatmap"), ["back", null]);
    const { x, y } = await boxOf("components");
    await page.mouse.click(x + 150, y + 4 + 22 * 2.5);
    assert.deepEqual(await lastReport("components"), ["activate", "gate_proj"]);
  });

  it("follows the pointer, and goes when it leaves or the chart loses focus", async () => {
    const { x, y, width, height } = await boxOf("scatter");
    await page.mouse.move(x + width - 100, y + height / 2);
    await page.mouse.move(x + width / 2, y + height / 2);
    const histogram = await boxOf("histogram");
    await page.mouse.move(histogram.x + 120, histogram.y + 200);
    await until("a tip", async () =>
      /of 320/.test(
        (await tooltip()
          .innerText()
          .catch(() => "")) ?? "",
      ),
    );
    await page.mouse.move(5, 5);
    await until("no tip", async () => (await tooltip().count()) === 0);
    await chart("histogram").focus();
    await page.keyboard.press("ArrowRight");
    await until("a tip", async () => (await tooltip().count()) === 1);
    await chart("sankey").focus();
    await until("no tip", async () => (await tooltip().count()) === 0);
  });

  it("leaves keys that mean nothing here to the page", async () => {
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      addEventListener("keydown", ({ key }) => seen.push(key));
    });
    await chart("timeline").focus();
    for (const key of ["t", "1", "g", "a", "a", "Space", "["]) await page.keyboard.press(key);
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    assert.deepEqual(seen, ["t", "1", "g", "a", " ", "["]);
    await page.keyboard.press("0");
  });
});

describe("zooming and brushing", () => {
  it("w, d and 0 change the timeline and bring it back", async () => {
    await chart("timeline").focus();
    const whole = await picture("timeline");
    for (const key of ["w", "d"]) {
      const before = await picture("timeline");
      await page.keyboard.press(key);
      await until(`${key} draws`, async () => (await picture("timeline")) !== before);
    }
    await page.keyboard.press("0");
    await until("everything again", async () => (await picture("timeline")) === whole);
  });

  it("the wheel scrolls the page, and zooms only the chart that has focus", async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const box = await boxOf("timeline");
    const whole = await picture("timeline");
    await page.evaluate(() => scrollTo(0, 0));
    const { x, y } = (await chart("timeline").boundingBox())!;
    await page.mouse.move(x + 400, y + 40);
    await page.mouse.wheel(0, 60);
    await until("the page scrolls", async () => (await page.evaluate(() => scrollY)) > 0);
    assert.equal(await picture("timeline"), whole);
    await page.evaluate(() => scrollTo(0, 0));
    await until("the page is back", async () => (await page.evaluate(() => scrollY)) === 0);
    await chart("timeline").focus();
    await page.mouse.move(x + 401, y + 40);
    await page.mouse.wheel(0, -120);
    await until("the chart zooms", async () => (await picture("timeline")) !== whole);
    assert.equal(await page.evaluate(() => scrollY), 0);
    await page.keyboard.press("0");
    await until("everything again", async () => (await picture("timeline")) === whole);
    assert.ok(box.width > 900);
  });

  it("a drag selects a range in the units of the axis", async () => {
    const { x, y, width } = await boxOf("power");
    // 0 to 14 990 ms between the margins of 56 and 14 pixels
    const at = (ms: number) => x + 56 + (ms / 14_990) * (width - 70);
    await page.mouse.move(at(3000), y + 120);
    await page.mouse.down();
    await page.mouse.move(at(5000), y + 125);
    await page.mouse.move(at(6000), y + 130);
    await page.mouse.up();
    const [event, [from, to]] = (await lastReport("power")) as [string, [number, number]];
    assert.equal(event, "brush");
    assert.ok(Math.abs(from - 3000) < 15 && Math.abs(to - 6000) < 15, `${from} to ${to}`);
  });

  it("a click on a span brings it into view, Escape brings everything back", async () => {
    const { x, y } = await boxOf("timeline");
    await chart("timeline").focus();
    const whole = await picture("timeline");
    await page.mouse.click(x + 180, y + 15);
    assert.equal((await lastReport("timeline"))![0], "activate");
    await until("zoomed", async () => (await picture("timeline")) !== whole);
    await page.keyboard.press("Escape");
    await until("everything again", async () => (await picture("timeline")) === whole);
  });

  it("the treemap goes down by click and keyboard, and up by Escape", async () => {
    const { x, y } = await boxOf("treemap");
    await page.mouse.click(x + 200, y + 200);
    assert.deepEqual(await lastReport("treemap"), ["path", ["decode"]]);
    await chart("treemap").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    const [, path] = (await lastReport("treemap")) as [string, string[]];
    assert.equal(path.length, 2);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    assert.deepEqual(await lastReport("treemap"), ["path", []]);
  });
});

describe("drawing", () => {
  it("shows a gap of the data as a gap of the line", async () => {
    // samples 825 to 870 of 1 500 are missing
    const filled = await chart("power").evaluate((root) => {
      const lines = root.querySelector(".uplot canvas") as HTMLCanvasElement;
      const context = lines.getContext("2d")!;
      const column = (sample: number) => {
        const x = Math.round((sample / 1499) * lines.width);
        const { data } = context.getImageData(x, 0, 1, lines.height);
        return data.some((value, i) => i % 4 === 3 && value > 0);
      };
      return [300, 815, 848, 880].map(column);
    });
    assert.deepEqual(filled, [true, true, false, true]);
  });

  it("waits while the page is hidden, and is made up for when it is shown", async () => {
    const before = await picture("heatmap");
    const setHidden = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { get: () => value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await setHidden(true);
    await page.evaluate(() => (document.documentElement.dataset["theme"] = "dark"));
    for (let i = 0; i < 20; i++) await twoFrames();
    assert.equal(await picture("heatmap"), before);
    await setHidden(false);
    await until("the dark chart", async () => (await picture("heatmap")) !== before);
    await page.evaluate(() => (document.documentElement.dataset["theme"] = "light"));
    await until("the light chart", async () => (await picture("heatmap")) === before);
  });

  it("has a pixel per device pixel, and follows the size of the window", async () => {
    const own = await gallery.page("only=heatmap", 900, 2);
    const sizes = () =>
      own.locator("[role=application]").evaluate((root) => {
        const canvas = root.querySelector("canvas")!;
        return [
          canvas.width - 2 * root.clientWidth,
          canvas.height - 2 * root.clientHeight,
          root.clientWidth,
        ];
      });
    const deadline = Date.now() + 20_000;
    const wait = async (wide: (width: number) => boolean) => {
      for (;;) {
        const [dx, dy, width] = (await sizes()) as [number, number, number];
        if (dx === 0 && dy === 0 && wide(width)) return;
        if (Date.now() > deadline) assert.fail(`sizes differ: ${dx}, ${dy} at ${width}`);
        await own.evaluate(() => new Promise(requestAnimationFrame));
      }
    };
    await wait((width) => width > 700);
    await own.setViewportSize({ width: 500, height: 700 });
    await wait((width) => width < 500);
    await own.close();
  });
});

it("nothing is in the console", () => assert.deepEqual(gallery.problems, []));
