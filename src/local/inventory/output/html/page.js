// Sorts and filters the table, which is whole without this. Nothing here makes markup of a text: what the page tells
// was written by strangers.
"use strict";
(() => {
  const table = document.querySelector("table");
  const body = table.tBodies[0];
  const form = document.querySelector("form");
  const status = form.querySelector("[role=status]");
  const nothing = document.getElementById("nothing");
  const count = new Intl.NumberFormat("en-US");

  const number = (cell) => {
    const digits = cell.textContent.replace(/[^0-9]/g, "");
    return digits === "" ? null : Number(digits);
  };
  const rows = Array.from(body.rows, (row, place) => {
    const [method, path, calls] = row.cells;
    const host = row.dataset.host ?? "";
    // Some browsers forget what the parts of a table are where its style is that of a grid.
    row.setAttribute("role", "row");
    for (const cell of row.cells) {
      cell.setAttribute("role", cell === path ? "rowheader" : "cell");
    }
    return {
      row,
      place,
      host,
      method: method.textContent.trim(),
      path: path.querySelector("code").textContent,
      calls: number(calls),
      // What the search looks at. The method and the path can be searched for as one writes them: GET /pets.
      text: `${method.textContent.trim()} ${path.querySelector("code").textContent} ${host}`.toLowerCase(),
      statuses: row.dataset.statuses ?? "",
      declared: row.dataset.declared ?? "",
      wallarm: row.dataset.hidden === undefined ? "shown" : "hidden",
      isShown: true,
    };
  });

  // The value that a column sorts by. Null stands at the end, whichever way the column is sorted.
  const keys = {
    method: (entry) => entry.method,
    path: (entry) => entry.path,
    calls: (entry) => entry.calls,
    errors: (entry) => (entry.calls > 0 ? Number(entry.row.dataset.errors ?? 0) : null),
    p50: (entry) => number(entry.row.cells[4]),
    p95: (entry) => number(entry.row.cells[5]),
    p99: (entry) => number(entry.row.cells[6]),
    last: (entry) => entry.row.querySelector(".last")?.firstChild.data.trim() ?? null,
  };

  const sort = (column, direction) => {
    const key = keys[column];
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = rows.map((entry) => [key(entry), entry]);
    keyed.sort(([a, one], [b, other]) => {
      if (a === null || b === null) {
        return Number(a === null) - Number(b === null) || one.place - other.place;
      }
      return a < b ? -sign : a > b ? sign : one.place - other.place;
    });
    body.append(...keyed.map(([, entry]) => entry.row));
  };

  for (const head of table.tHead.rows[0].cells) {
    const column = head.dataset.sort;
    if (column === undefined) {
      continue;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const isText = column === "path" || column === "method";
      const first = isText ? "ascending" : "descending";
      const other = isText ? "descending" : "ascending";
      const direction = head.getAttribute("aria-sort") === first ? other : first;
      table.querySelector("[aria-sort]")?.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction);
      sort(column, direction);
    });
  }

  const fill = (name, values) => {
    const select = form.elements[name];
    if (select === undefined) {
      return;
    }
    for (const value of [...new Set(values)].sort()) {
      const option = document.createElement("option");
      option.value = `=${value}`;
      option.textContent = value;
      select.append(option);
    }
  };
  fill("host", rows.map((entry) => entry.host));
  fill("method", rows.map((entry) => entry.method));

  const chosen = (name) => form.elements[name]?.value ?? "";
  const plural = (n, one, many) => `${count.format(n)} ${n === 1 ? one : many}`;
  const filter = () => {
    const words = chosen("text").toLowerCase().split(/\s+/).filter(Boolean);
    const host = chosen("host").slice(1);
    const method = chosen("method").slice(1);
    const statuses = chosen("statuses");
    const declared = chosen("declared");
    const wallarm = chosen("wallarm");
    let shown = 0;
    let calls = 0;
    for (const entry of rows) {
      const isShown =
        words.every((word) => entry.text.includes(word)) &&
        (host === "" || entry.host === host) &&
        (method === "" || entry.method === method) &&
        (statuses === "" ||
          (statuses === "no2" ? !entry.statuses.includes("2") : entry.statuses.includes(statuses))) &&
        (declared === "" || entry.declared === declared) &&
        (wallarm === "" || entry.wallarm === wallarm);
      if (isShown !== entry.isShown) {
        entry.row.hidden = !isShown;
        entry.isShown = isShown;
      }
      if (isShown) {
        shown += 1;
        calls += entry.calls;
      }
    }
    const all = plural(rows.length, "endpoint", "endpoints");
    status.textContent = `${shown === rows.length ? all : `${count.format(shown)} of ${all}`}, ${plural(calls, "call", "calls")}`;
    nothing.hidden = shown > 0;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields have their first values again only after the event.
  form.addEventListener("reset", () => setTimeout(filter));

  form.hidden = false;
  document.documentElement.classList.add("scripted");
  filter();
})();
