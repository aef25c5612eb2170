/** The table of a paged frame: draws one page, and asks the kernel for another. */

const SIZES = [10, 20, 50, 100, 200];
const TYPING = 250; // ms without a key until the filter is sent
const number = new Intl.NumberFormat("en-US");

/** Make an element; attributes that are null are left out, text and elements are its content. */
function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...content);
  return element;
}

function rowsSaid(page) {
  const { begin, matched, total, rows } = page;
  const all = `${number.format(total)} ${total === 1 ? "row" : "rows"}`;
  const of = matched === total ? all : `${number.format(matched)} of ${all} that match`;
  if (!rows.length) return matched === total ? "No rows" : `No row of ${number.format(total)} matches`;
  return `Rows ${number.format(begin + 1)} to ${number.format(begin + rows.length)} of ${of}`;
}

/** What the next sort of a column is: up, down, none. */
function nextSort(wanted, column) {
  if (wanted.sort !== column) return { sort: column, descending: false };
  return wanted.descending ? { sort: null, descending: false } : { sort: column, descending: true };
}

function heading(column, index, sortBy) {
  const name = make("span", { class: "flyte-pages-name" }, column.name, make("span", { "aria-hidden": "true", style: "display:inline" }));
  const button = make("button", { type: "button", title: `Sort by ${column.name}` }, name);
  button.append(make("span", { class: "flyte-pages-fact" }, column.type));
  if (column.picture) button.append(make("img", { src: column.picture, alt: "", title: column.words }));
  button.append(make("span", { class: "flyte-pages-fact", title: column.words }, column.brief));
  button.addEventListener("click", () => sortBy(index));
  return make("th", { scope: "col", class: column.number ? "flyte-pages-number" : null }, button);
}

function row(values, columns) {
  const cells = values.map((value, i) => {
    const kind = [columns[i].number && "flyte-pages-number", value === null && "flyte-pages-missing"];
    return make("td", { class: kind.filter(Boolean).join(" ") || null }, value === null ? "null" : value);
  });
  return make("tr", {}, ...cells);
}

function choice(label, meaning, options, chosen, change) {
  const select = make("select", { "aria-label": meaning }, ...options.map(([value, text]) => make("option", { value }, text)));
  select.value = chosen;
  select.addEventListener("change", () => change(select.value));
  return make("label", {}, label, select);
}

function render({ model, el, signal }) {
  const { title, columns, left, note, most, first, face } = model.get("content");
  const view = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  const wanted = { page: 0, size: 20, sort: null, descending: false, text: "", column: null };
  let asked = 0;
  let last = first;
  let typing = 0;

  const body = make("tbody");
  const said = make("span", { class: "flyte-pages-said", role: "status", "aria-live": "polite" });
  const ask = (change) => {
    Object.assign(wanted, change);
    asked += 1;
    root.setAttribute("aria-busy", "true");
    model.send({ ...wanted, view, asked });
  };
  const heads = columns.map((column, i) => heading(column, i, (at) => ask({ page: 0, ...nextSort(wanted, at) })));
  const button = (label, sign, to) => {
    const made = make("button", { type: "button", "aria-label": label, title: label }, sign);
    made.addEventListener("click", () => ask({ page: to() }));
    return made;
  };
  const steps = {
    first: button("First page", "«", () => 0),
    back: button("Previous page", "‹", () => last.page - 1),
    on: button("Next page", "›", () => last.page + 1),
    last: button("Last page", "»", () => last.pages - 1),
  };
  const place = make("input", { type: "number", min: 1, "aria-label": "Page" });
  const go = () => {
    const page = Math.max(0, Math.round(Number(place.value) || 1) - 1);
    if (page !== wanted.page) ask({ page });
  };
  place.addEventListener("change", go);
  place.addEventListener("keydown", (event) => event.key === "Enter" && go());
  const pages = make("span");

  const filter = make("input", { type: "search", placeholder: "Filter", spellcheck: "false" });
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask({ page: 0, text: filter.value }), TYPING);
  });
  const names = [["", "all columns"], ...columns.map((column, i) => [String(i), column.name])];
  const within = choice("in", "Column to filter in", names, "", (value) => ask({ page: 0, column: value === "" ? null : Number(value) }));
  const sizes = SIZES.filter((size) => size <= most).map((size) => [String(size), String(size)]);
  const size = choice("Rows on a page", "Rows on a page", sizes, "20", (value) => ask({ page: 0, size: Number(value) }));

  const box = make("div", { class: "flyte-pages-box", tabindex: "0", role: "region", "aria-label": title || "Table" });
  box.append(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body));
  // The editor's own shortcuts stay out: Enter on a button presses it and does not open the cell.
  const root = make("div", { class: "flyte-pages", "data-lm-suppress-shortcuts": "true", "aria-busy": "false" });
  const head = make("div", { class: "flyte-pages-bar" }, make("span", { class: "flyte-pages-title" }, title));
  head.append(make("label", {}, "Filter", filter), within, said);
  const foot = make("div", { class: "flyte-pages-bar", role: "group", "aria-label": "Pages" });
  foot.append(steps.first, steps.back, make("label", {}, "Page", place), pages, steps.on, steps.last, size);
  if (left) foot.append(make("span", {}, `${number.format(left)} more columns are not shown`));
  if (note) foot.append(make("span", { class: "flyte-pages-fact" }, note));
  // The rows that stay in the file are not shown beside the table, as long as this is on the page.
  const hiding = make("style", {}, `[data-flyte-frame="${face}"] { display: none; }`);
  root.append(hiding, head, box, foot);

  const draw = (page) => {
    last = page;
    wanted.page = page.page;
    body.replaceChildren(...page.rows.map((values) => row(values, columns)));
    heads.forEach((th, i) => {
      const sorted = wanted.sort === i;
      th.setAttribute("aria-sort", !sorted ? "none" : wanted.descending ? "descending" : "ascending");
      th.querySelector("[aria-hidden]").textContent = !sorted ? "" : wanted.descending ? " ▼" : " ▲";
    });
    steps.first.disabled = steps.back.disabled = page.page === 0;
    steps.last.disabled = steps.on.disabled = page.page >= page.pages - 1;
    place.value = page.page + 1;
    place.max = page.pages;
    pages.textContent = `of ${number.format(page.pages)}`;
    said.textContent = rowsSaid(page);
    root.setAttribute("aria-busy", "false");
  };
  const answered = (message) => {
    if (message.view === view && message.asked === asked) draw(message);
  };
  model.on("msg:custom", answered);
  draw(first);
  el.append(root);
  const end = () => {
    clearTimeout(typing);
    model.off("msg:custom", answered);
  };
  signal?.addEventListener("abort", end);
  return end;
}

export default { render };
