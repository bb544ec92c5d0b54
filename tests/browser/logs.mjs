// Made-up access logs. The same bytes on each run.

// mulberry32: a small generator with a seed.
const generator = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const BEGIN = Date.UTC(2026, 10, 2, 8);

export const line = ({ host = "api.example.com", method = "GET", path, template, status = 200, latency = 20, time = BEGIN }) =>
  JSON.stringify({
    requestId: "8f5486b7-c7b5-42bc-aa8a-aeca1a50aec3",
    httpMethod: method,
    path,
    ...(template === undefined ? {} : { resourcePath: template }),
    status: String(status),
    requestTimeEpoch: String(time),
    responseLatency: String(latency),
    stage: "live",
    domainName: host,
    sourceIp: "192.0.2.44",
    userAgent: "curl/8.5.0",
  });

// Host, method, template, calls, usual latency in ms, shares of 3xx, 4xx and 5xx.
const SHOP = [
  ["api.example.com", "GET", "/v1/products", 5200, 38, 0, 0.002, 0],
  ["api.example.com", "GET", "/v1/products/{productId}", 4100, 24, 0.09, 0.03, 0],
  ["api.example.com", "GET", "/v1/products/{productId}/reviews", 900, 61, 0, 0.01, 0.004],
  ["api.example.com", "POST", "/v1/products/{productId}/reviews", 42, 130, 0, 0.24, 0],
  ["api.example.com", "GET", "/v1/search", 2600, 210, 0, 0.004, 0.011],
  ["api.example.com", "POST", "/v1/carts", 640, 45, 0, 0, 0],
  ["api.example.com", "GET", "/v1/carts/{cartId}", 1800, 19, 0, 0.05, 0],
  ["api.example.com", "PUT", "/v1/carts/{cartId}/items/{sku}", 1100, 52, 0, 0.06, 0],
  ["api.example.com", "DELETE", "/v1/carts/{cartId}/items/{sku}", 210, 40, 0, 0.02, 0],
  ["api.example.com", "POST", "/v1/checkout", 310, 820, 0, 0.07, 0.03],
  ["api.example.com", "GET", "/v1/orders", 480, 95, 0, 0.01, 0],
  ["api.example.com", "GET", "/v1/orders/{orderId}", 760, 33, 0, 0.02, 0],
  ["api.example.com", "GET", "/v1/orders/{orderId}/invoice.pdf", 120, 410, 0.5, 0, 0],
  ["api.example.com", "POST", "/v1/orders/{orderId}/refunds", 9, 640, 0, 0.34, 0],
  ["api.example.com", "OPTIONS", "/v1/checkout", 300, 2, 0, 0, 0],
  ["api.example.com", "GET", "/healthz", 1440, 1, 0, 0, 0],
  ["api.example.com", "GET", "/v1/export", 3, 21000, 0, 0, 0.67],
  ["accounts.example.com", "POST", "/oauth/token", 1500, 88, 0, 0.11, 0],
  ["accounts.example.com", "GET", "/users/{userId}", 820, 27, 0, 0.03, 0],
  ["accounts.example.com", "PATCH", "/users/{userId}", 64, 75, 0, 0.08, 0],
  ["accounts.example.com", "GET", "/users/{userId}/addresses", 210, 29, 0, 0, 0],
  ["accounts.example.com", "POST", "/users/{userId}/password", 17, 310, 0, 0.41, 0],
  ["accounts.example.com", "GET", "/login", 1, 140, 1, 0, 0],
];

// Two weeks of a shop, whose gateway logs the templates.
export const shop = () => {
  const random = generator(17);
  const lines = [];
  for (const [host, method, template, calls, usual, redirected, refused, failed] of SHOP) {
    for (let i = 0; i < calls; i += 1) {
      const at = random();
      const status =
        at < failed ? 502 : at < failed + refused ? 404 : at < failed + refused + redirected ? 302 : method === "POST" ? 201 : 200;
      // The long tail that latencies have.
      const latency = Math.max(1, Math.round(usual * Math.exp(1.1 * (random() + random() + random() - 1.4))));
      lines.push(
        line({
          host,
          method,
          template,
          path: template.replaceAll(/\{[^}]*\}/g, () => String(1 + Math.floor(random() * 90000))),
          status,
          latency,
          time: BEGIN + Math.floor(random() * 14 * 86_400_000),
        }),
      );
    }
  }
  lines.push("not a line of an access log");
  return `${lines.join("\n")}\n`;
};

// What of the shop a specification has: all but the refunds, and an endpoint that nobody calls.
export const specification = () => {
  const paths = {};
  for (const [host, method, template] of SHOP) {
    if (host === "api.example.com" && !template.endsWith("/refunds")) {
      paths[template] = { ...paths[template], [method.toLowerCase()]: { responses: { 200: { description: "ok" } } } };
    }
  }
  paths["/v1/gift-cards"] = { get: { responses: { 200: { description: "ok" } } } };
  const info = { title: "Shop", version: "1" };
  return JSON.stringify({ openapi: "3.0.3", info, servers: [{ url: "https://api.example.com" }], paths });
};

// Attacks on whoever opens the page. What a gateway logs, it logs as the caller wrote it.
export const ATTACKS = [
  "</script><script>globalThis.hacked=1</script>",
  "<img src=x onerror=globalThis.hacked=1>",
  "</style><style>body{display:none}</style>",
  '"onmouseover="globalThis.hacked=1" autofocus onfocus="globalThis.hacked=1',
  "'><svg onload=globalThis.hacked=1>",
  "{{7*7}}{%raw%}{#x#}${7*7}",
  "<!--<script>",
  "javascript:globalThis.hacked=1",
  "&lt;b&gt;&amp;",
  "<base href=//evil.example.com><meta http-equiv=refresh content=0>",
];

export const hostile = () => {
  const lines = [];
  for (const [host, attack] of ATTACKS.entries()) {
    for (let i = 0; i < 3; i += 1) {
      const time = BEGIN + i * 400_000;
      // Each has a host of its own, since paths that look alike would become one template.
      lines.push(line({ host: `h${host}.example.com`, path: `/${attack}`, time }));
      lines.push(line({ host: `h${host}.example.com`, method: attack, path: "/methods", time }));
    }
  }
  lines.push(line({ path: "/bidi/\u202egpj.exe\u2066" }));
  lines.push(line({ path: "/עברית/猫" }));
  return `${lines.join("\n")}\n`;
};

// The same attacks as paths of a specification.
export const hostileSpecification = () => {
  const item = { get: { responses: { 200: { description: "ok" } } } };
  const paths = Object.fromEntries([...ATTACKS, "\u202egpj.exe"].map((attack) => [`/${attack}`, item]));
  const info = { title: "Hostile", version: "1" };
  return JSON.stringify({ openapi: "3.0.3", info, servers: [{ url: "https://api.example.com" }], paths });
};

// What OpenAPI has no place for, and templates that it takes for one.
export const odd = () =>
  [
    ["GET", "/files/{proxy+}"],
    ["GET", "/files/{fileId}"],
    ["PUT", "/files/{name}"],
    ["PROPFIND", "/dav/{id}"],
    ["GET", "/a/{id}/b/{id}"],
    ["GET", "/Products({key})"],
    ["GET", "/{id}.pdf"],
    ["GET", "/pets-/{id}"],
    ["GET", "/pets/{id}"],
    ["HEAD", "/"],
    ["TRACE", "/"],
    ["OPTIONS", "/"],
  ]
    .map(([method, template]) => line({ method, template, path: template.replaceAll(/\{[^}]*\}/g, "42"), host: "odd.example.com" }))
    .join("\n");

// A specification of a part of it.
export const oddSpecification = () => {
  const get = { responses: { 200: { description: "ok" } } };
  const paths = {
    "/pets/{id}": { get },
    "/dav/{proxy+}": { get },
    "/archive/{proxy+}": { get },
    "/never": { get, "x-amazon-apigateway-any-method": get },
  };
  const info = { title: "Odd", version: "1" };
  return JSON.stringify({ openapi: "3.0.3", info, servers: [{ url: "https://odd.example.com" }], paths });
};

export const LARGE = 5000;

// A large API.
export const large = () => {
  const lines = [];
  for (let i = 0; i < LARGE; i += 1) {
    const template = `/v1/resource-${i}/{id}/part-${i % 7}`;
    lines.push(line({ template, path: template.replace("{id}", String(i)), latency: 1 + (i % 900), time: BEGIN + i * 1000 }));
  }
  return `${lines.join("\n")}\n`;
};
