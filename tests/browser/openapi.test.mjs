// The OpenAPI documents: two validators and a viewer take them.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { Validator } from "@seriousme/openapi-schema-validator";
import { absolutePath } from "swagger-ui-dist";
import { hostile, hostileSpecification, odd, oddSpecification, shop, specification } from "./logs.mjs";
import { browser, folder, inventory } from "./tools.mjs";

const documents = new Map();
let chromium;

before(async () => {
  chromium = await browser();
  const logs = {
    shop: [shop(), specification()],
    odd: [odd()],
    // With operations that nobody called, of any method, below a greedy path.
    specified: [odd(), oddSpecification()],
    hostile: [hostile(), hostileSpecification()],
  };
  for (const [name, [log, declared]] of Object.entries(logs)) {
    const output = join(folder, `openapi-${name}`);
    const spec = join(folder, `openapi-${name}.spec.json`);
    if (declared !== undefined) {
      writeFileSync(spec, declared);
    }
    rmSync(output, { recursive: true, force: true });
    mkdirSync(output);
    const specified = declared === undefined ? [] : ["--spec", spec];
    await inventory(log, ["--format", "openapi", "--output", output, ...specified], `openapi-${name}`);
    for (const file of readdirSync(output).toSorted()) {
      documents.set(`${name}/${file}`, readFileSync(join(output, file), "utf8"));
    }
  }
});
after(() => chromium?.close());

const METHODS = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];
const operations = (document) => Object.values(document.paths).flatMap((item) => METHODS.filter((method) => item[method]));

test("there is a document for each host", () => {
  const names = [...documents.keys()].filter((name) => !name.startsWith("hostile"));
  assert.deepEqual(names, [
    "shop/accounts.example.com.json",
    "shop/api.example.com.json",
    "odd/odd.example.com.json",
    "specified/odd.example.com.json",
  ]);
  assert.ok(documents.size > names.length);
});

test("what a specification declares and nobody called is there, and what it lacks is named", () => {
  const { paths } = JSON.parse(documents.get("specified/odd.example.com.json"));
  assert.equal(paths["/never"].get["x-calls"], 0);
  assert.equal(paths["/never"]["x-amazon-apigateway-any-method"]["x-documented"], true);
  assert.equal(paths["/archive/{proxy}"].get.parameters[0]["x-greedy"], true);
  assert.equal(paths["/dav/{id}"]["x-methods"].PROPFIND["x-under"], "/dav/{proxy+}");
  assert.equal(paths["/pets/{id}"].get["x-documented"], true);
  assert.equal(paths["/"].head["x-documented"], false);
});

test("a validator by the specification's own schema takes them", async () => {
  for (const [name, text] of documents) {
    const result = await new Validator().validate(JSON.parse(text));
    assert.deepEqual(result.errors ?? [], [], name);
    assert.ok(result.valid, name);
  }
});

test("a linter that knows what the schema can't say takes them", async () => {
  const config = await createConfig({ extends: ["spec"] });
  for (const [name, text] of documents) {
    const problems = await lintFromString({ source: text, absoluteRef: "/document.json", config });
    assert.deepEqual(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]), [], name);
  }
});

test("the linter would tell", async () => {
  // What the tool has to avoid: two templates that are one path.
  const config = await createConfig({ extends: ["spec"] });
  const get = (name) => ({
    get: { responses: { default: { description: "x" } }, parameters: [{ name, in: "path", required: true, schema: {} }] },
  });
  const source = JSON.stringify({
    openapi: "3.1.0",
    info: { title: "x", version: "0" },
    servers: [],
    paths: { "/a/{b}": get("b"), "/a/{c}": get("c") },
  });
  const problems = await lintFromString({ source, absoluteRef: "/document.json", config });
  assert.ok(problems.some(({ ruleId }) => ruleId === "no-identical-paths"));
});

test("a viewer shows every operation", async () => {
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="swagger-ui.css">
    <div id="ui"></div><script src="swagger-ui-bundle.js"></script><script>
    SwaggerUIBundle({ url: "document.json" + location.search, dom_id: "#ui", validatorUrl: null, onComplete: () => (globalThis.isComplete = true) });
    </script>`;
  const names = [...documents.keys()];
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const file = url.pathname.slice(1);
    const types = { css: "text/css", js: "text/javascript", json: "application/json" };
    response.setHeader("Content-Type", types[file.split(".").at(-1)] ?? "text/html");
    if (file === "") {
      response.end(page);
    } else if (file === "document.json") {
      response.end(documents.get(names[Number(url.searchParams.get("n"))]));
    } else {
      response.end(readFileSync(join(absolutePath(), file)));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const there = `http://127.0.0.1:${server.address().port}`;
  try {
    for (const [n, name] of names.entries()) {
      const document = JSON.parse(documents.get(name));
      // Of the hostile ones, this has the paths of the log and the specification's.
      if (name.startsWith("hostile") && name !== "hostile/api.example.com.json") {
        continue;
      }
      const opened = await chromium.newPage();
      opened.setDefaultTimeout(180_000);
      const wrong = [];
      opened.on("pageerror", (error) => wrong.push(String(error)));
      opened.on("request", (request) => request.url().startsWith(there) || request.url().startsWith("data:") || wrong.push(request.url()));
      await opened.goto(`${there}/?n=${n}`);
      await opened.waitForFunction(() => globalThis.isComplete);
      const operation = opened.locator(".opblock");
      await operation.first().waitFor();
      assert.equal(await operation.count(), operations(document).length, name);
      assert.equal(await opened.locator(".errors-wrapper, .loading-container.failed-config").count(), 0, name);
      const shown = await opened.locator(".opblock-summary-path").evaluateAll((found) =>
        found.map((path) => path.dataset.path),
      );
      const expected = Object.entries(document.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map(() => path));
      assert.deepEqual(shown.toSorted(), expected.toSorted(), name);
      assert.equal(await opened.evaluate(() => globalThis.hacked), undefined);
      await operation.first().click();
      await operation.first().locator(".opblock-body .responses-table").waitFor();
      await opened.screenshot({ path: join(folder, `viewer-${n}.png`) });
      assert.deepEqual(wrong, [], name);
      await opened.close();
    }
  } finally {
    server.close();
  }
});
