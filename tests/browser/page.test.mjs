// The page of an inventory, in a browser.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import axe from "axe-core";
import { ATTACKS, LARGE, hostile, hostileSpecification, large, shop, specification } from "./logs.mjs";
import { browser, folder, page } from "./tools.mjs";

const WIDTHS = { wide: 1280, narrow: 390 };
let chromium;
let shopUrl;

before(async () => {
  const declared = join(folder, "shop.openapi.json");
  writeFileSync(declared, specification());
  [chromium, shopUrl] = await Promise.all([browser(), page(shop(), "shop", ["--spec", declared])]);
});
after(() => chromium?.close());

// Opens a page in a browser of its own, in which nothing may go wrong, and gives it to a test.
const open = async (url, options, work) => {
  const context = await chromium.newContext({ viewport: { width: WIDTHS.wide, height: 900 }, ...options });
  // A machine may be busy with other tests.
  context.setDefaultTimeout(180_000);
  try {
    const opened = await context.newPage();
    const wrong = [];
    opened.on("pageerror", (error) => wrong.push(String(error)));
    opened.on("console", (message) => wrong.push(message.text()));
    opened.on("request", (request) => request.url() === url || request.url() === "data:," || wrong.push(`request: ${request.url()}`));
    await opened.goto(url);
    await work(opened, wrong);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
};

const rows = (opened) => opened.locator("tbody tr:not([hidden])");
const paths = (opened) => opened.locator("tbody tr:not([hidden]) > th > code").allTextContents();
const column = (opened, name) => opened.locator(`tbody tr:not([hidden]) .${name}`).allTextContents();
const numbers = (texts) => texts.filter((text) => text.trim() !== "").map((text) => Number(text.replaceAll(/[^0-9]/g, "")));
const isSorted = (values, sign) => values.every((value, i) => i === 0 || sign * (value - values[i - 1]) >= 0);
const sortState = (opened) =>
  opened.locator("th[aria-sort]").evaluateAll((heads) => heads.map((head) => `${head.dataset.sort} ${head.ariaSort}`));

test("a click sorts, and another one turns it around", () =>
  open(shopUrl, {}, async (opened) => {
    assert.deepEqual(await sortState(opened), ["calls descending"]);
    assert.ok(isSorted(numbers(await column(opened, "calls")), -1));
    const all = (await paths(opened)).toSorted();
    for (const name of ["p50", "p95", "p99", "calls"]) {
      const button = opened.getByRole("button", { name: new RegExp(`^${name}`, "i") });
      for (const sign of [-1, 1]) {
        await button.click();
        const direction = sign < 0 ? "descending" : "ascending";
        assert.deepEqual(await sortState(opened), [`${name} ${direction}`]);
        assert.ok(isSorted(numbers(await column(opened, name)), sign), `${name} ${direction}`);
      }
    }
    await opened.getByRole("button", { name: /^Path/ }).click();
    const sorted = await paths(opened);
    assert.deepEqual(sorted, sorted.toSorted());
    assert.deepEqual(sorted, all);
    // Endpoints without a latency are at the end both ways.
    const declared = rows(opened).last().locator("code");
    for (let i = 0; i < 2; i += 1) {
      await opened.getByRole("button", { name: /^p50/ }).click();
      assert.equal(await declared.textContent(), "/v1/gift-cards");
    }
  }));

test("the keyboard sorts, and the focus can be seen", () =>
  open(shopUrl, {}, async (opened) => {
    const button = opened.getByRole("button", { name: /^Path/ });
    await opened.getByRole("searchbox").focus();
    for (let i = 0; i < 30 && !(await button.evaluate((element) => element === document.activeElement)); i += 1) {
      await opened.keyboard.press("Tab");
    }
    const outline = await button.evaluate((element) => {
      const style = getComputedStyle(element);
      return element === document.activeElement && `${style.outlineStyle} ${style.outlineWidth}`;
    });
    assert.equal(outline, "solid 2px");
    await opened.keyboard.press("Enter");
    assert.deepEqual(await sortState(opened), ["path ascending"]);
    await opened.keyboard.press("Space");
    assert.deepEqual(await sortState(opened), ["path descending"]);
    // The focus stays where it was.
    assert.ok(await button.evaluate((element) => element === document.activeElement));
  }));

test("filters leave what they ask for, and say how many", () =>
  open(shopUrl, {}, async (opened) => {
    const status = opened.getByRole("status");
    const all = await rows(opened).count();
    const expectRows = async (isThere, text) => {
      const shown = await rows(opened).evaluateAll((found) =>
        found.map((row) => ({
          method: row.cells[0].textContent.trim(),
          path: row.querySelector("code").textContent,
          host: row.dataset.host,
          text: row.textContent,
        })),
      );
      assert.ok(shown.length > 0 && shown.length < all);
      assert.deepEqual(shown.filter((row) => !isThere(row)), []);
      assert.match(await status.textContent(), text ?? new RegExp(`^${shown.length} of ${all} endpoints, [0-9,]+ calls?$`));
    };
    const clear = async () => {
      await opened.getByRole("button", { name: "Clear" }).click();
      await opened.waitForFunction((n) => document.querySelectorAll("tbody tr:not([hidden])").length === n, all);
    };
    await opened.getByLabel("Search").fill("get CARTS");
    await expectRows((row) => row.method === "GET" && row.path.includes("/carts"));
    await clear();
    await opened.getByLabel("Host").selectOption("accounts.example.com");
    await expectRows((row) => row.host === "accounts.example.com");
    await opened.getByLabel("Method").selectOption("PATCH");
    await expectRows((row) => row.method === "PATCH", /^1 of \d+ endpoints, 64 calls$/);
    await clear();
    await opened.getByRole("combobox", { name: /^Answers/ }).selectOption("with 5xx");
    await expectRows((row) => row.text.includes("5xx"));
    await opened.getByRole("combobox", { name: /^Answers/ }).selectOption("without 2xx");
    await expectRows((row) => !row.text.includes("2xx"));
    await clear();
    await opened.getByLabel("Specification").selectOption("declared, not called");
    await expectRows((row) => row.path === "/v1/gift-cards", /^1 of \d+ endpoints, 0 calls$/);
    await opened.getByLabel("Specification").selectOption("not declared");
    await expectRows((row) => row.path.endsWith("/refunds") || row.host === "accounts.example.com");
    await clear();
    await opened.getByLabel("Wallarm").selectOption({ label: "not shown" });
    await expectRows((row) => row.text.includes("not shown"));
    await clear();
    await opened.getByLabel("Search").fill("nothing has this");
    assert.equal(await rows(opened).count(), 0);
    assert.ok(await opened.getByText("No endpoint is as the filters ask.").isVisible());
    assert.match(await status.textContent(), /^0 of \d+ endpoints, 0 calls$/);
    // The filters' Enter key sends nothing anywhere.
    await opened.keyboard.press("Enter");
    assert.equal(opened.url(), shopUrl);
  }));

test("without scripts everything can be read, and nothing is there that does nothing", () =>
  open(shopUrl, { javaScriptEnabled: false }, async (opened) => {
    assert.equal(await opened.locator("tbody tr:visible").count(), await opened.locator("tbody tr").count());
    assert.ok((await rows(opened).count()) > 20);
    assert.equal(await opened.locator("button:visible, input:visible, select:visible").count(), 0);
    // It is a table for a screen reader, too, though the style makes a grid of each row.
    const session = await opened.context().newCDPSession(opened);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const count = (role) => nodes.filter((node) => node.role?.value === role).length;
    const all = await opened.locator("tbody tr").count();
    assert.deepEqual([count("table"), count("row"), count("rowheader")], [1, all + 1, all]);
    const row = opened.locator("tbody tr", { hasText: "/v1/checkout" }).first();
    assert.match(await row.innerText(), /POST[^]*310[^]*2xx \d+ %[^]*4xx \d+ %[^]*5xx \d+ %[^]*2026-11-/);
    await opened.getByText(/lines? in the log are not counted/).click();
    assert.ok(await opened.locator("details li").first().isVisible());
  }));

for (const [width, pixels] of Object.entries(WIDTHS)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${width}, ${colorScheme}: accessible, and within the screen`, () =>
      open(shopUrl, { colorScheme, viewport: { width: pixels, height: 900 } }, async (opened) => {
        await opened.evaluate(axe.source);
        const { violations } = await opened.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]), []);
        const background = await opened.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(background, colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(18, 22, 28)");
        assert.equal(await opened.evaluate(() => document.documentElement.scrollWidth), pixels);
        // For a screen reader it is a table, also where it looks like cards.
        const table = opened.getByRole("table", { name: /^Endpoints\./ });
        const body = await opened.locator("tbody tr").count();
        assert.equal(await table.locator("tbody").getByRole("row").count(), body);
        assert.equal(await table.getByRole("rowheader").count(), body);
        await opened.screenshot({ path: join(folder, `shop-${width}-${colorScheme}.png`) });
      }));
  }
}

test("the narrowest screens have all of it within", () =>
  open(shopUrl, { viewport: { width: 320, height: 900 } }, async (opened) => {
    assert.equal(await opened.evaluate(() => document.documentElement.scrollWidth), 320);
  }));

test("on paper there are the rows and no controls", () =>
  open(shopUrl, {}, async (opened) => {
    await opened.getByLabel("Search").fill("carts");
    await opened.emulateMedia({ media: "print" });
    assert.equal(await opened.locator("form label:visible, form button:visible").count(), 0);
    assert.match(await opened.getByRole("status").innerText(), /^\d of \d+ endpoints/);
    writeFileSync(join(folder, "shop.pdf"), await opened.pdf({ format: "A4", landscape: true }));
  }));

test("names by strangers are text", async () => {
  // Files are named by strangers, too.
  const name = "hostile <img src=x onerror=globalThis.hacked=1>\u202e";
  const declared = join(folder, `${name}.openapi.json`);
  writeFileSync(declared, hostileSpecification());
  const url = await page(hostile(), name, ["--spec", declared]);
  assert.equal(readFileSync(new URL(url), "utf8").match(/<script/g).length, 1);
  await open(url, {}, async (opened) => {
    // From a log, most of them are learned as a place; from a specification they are taken as they are, or
    // percent-encoded. Braces may be read as places.
    const shown = (await paths(opened)).map((path) => decodeURIComponent(path.replaceAll(/%(?![0-9a-f]{2})/gi, "%25")));
    for (const attack of ATTACKS.filter((attack) => !attack.includes("{"))) {
      assert.ok(shown.includes(`/${attack}`), `${attack} in ${shown.join("\n")}`);
    }
    // They are in the filters too, and can be searched for.
    for (const attack of ATTACKS) {
      await opened.getByLabel("Search").fill(attack.slice(0, 12));
    }
    await opened.getByLabel("Search").fill("");
    await opened.getByRole("button", { name: /^Path/ }).click();
    await rows(opened).first().hover();
    assert.equal(await opened.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await opened.locator("img, iframe, base, object, embed, [onerror], [onload], [onfocus], [onmouseover]").count(), 0);
    assert.equal(await opened.locator("script").count(), 1);
    assert.equal(await opened.locator("style").count(), 1);
    assert.doesNotMatch(await opened.locator("body").innerText(), /[\u202a-\u202e\u2066-\u2069]/);
    await opened.screenshot({ path: join(folder, "hostile.png") });
  });
});

test("the page's policy lets nothing out, and runs nothing else", async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end("x");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const there = `http://127.0.0.1:${server.address().port}/`;
  try {
    await open(shopUrl, {}, async (opened, wrong) => {
      await opened.evaluate((address) => {
        globalThis.refused = [];
        document.addEventListener("securitypolicyviolation", (event) => globalThis.refused.push(event.effectiveDirective));
        const add = (name, properties) => document.body.append(Object.assign(document.createElement(name), properties));
        const attempts = [
          () => fetch(address).catch(() => {}),
          () => new WebSocket(address.replace("http", "ws")),
          () => navigator.sendBeacon(address),
          () => add("img", { src: address }),
          () => add("link", { rel: "stylesheet", href: address }),
          () => add("iframe", { src: address }),
          () => add("style", { textContent: "body { color: red }" }),
          () => document.body.insertAdjacentHTML("beforeend", "<b>x</b>"),
          () => {
            add("form", { id: "evil", action: address, method: "post" });
            document.getElementById("evil").submit();
          },
        ];
        for (const attempt of attempts) {
          try {
            attempt();
          } catch {
            // It was refused at once.
          }
        }
      }, there);
      const directives = ["connect-src", "img-src", "style-src-elem", "frame-src", "form-action", "require-trusted-types-for"];
      for (const directive of directives) {
        await opened.waitForFunction((name) => globalThis.refused.includes(name), directive);
      }
      // The browser says what it has refused.
      wrong.length = 0;
    });
    assert.equal(asked, 0);
  } finally {
    server.close();
  }
});

test("thousands of endpoints can be sorted and filtered", async () => {
  const url = await page(large(), "large");
  await open(url, {}, async (opened) => {
    assert.equal(await opened.locator("tbody tr").count(), LARGE);
    // What a browser needs for it is counted, and not timed: bytes, elements, and that only the rows that can be seen are
    // laid out.
    assert.ok(statSync(new URL(url)).size < 600 * LARGE);
    assert.ok((await opened.locator("*").count()) < 25 * LARGE);
    assert.equal(await opened.locator("tbody tr").last().evaluate((row) => getComputedStyle(row).contentVisibility), "auto");
    assert.equal(await opened.locator("tbody tr th").last().evaluate((cell) => cell.checkVisibility({ contentVisibilityAuto: true })), false);
    await opened.getByLabel("Search").fill("resource-4999/");
    assert.deepEqual(await paths(opened), ["/v1/resource-4999/{id}/part-1"]);
    await opened.getByLabel("Search").fill("part-6");
    await opened.getByRole("button", { name: /^p99/ }).click();
    assert.ok(isSorted(numbers(await column(opened, "p99")), -1));
    assert.equal(await rows(opened).count(), Array.from({ length: LARGE }, (_, i) => i % 7 === 6).filter(Boolean).length);
  });
});

test("two runs make the same page", async () => {
  const again = await page(shop(), "shop-again", ["--spec", join(folder, "shop.openapi.json")]);
  assert.ok(readFileSync(new URL(shopUrl)).equals(readFileSync(new URL(again))));
});
