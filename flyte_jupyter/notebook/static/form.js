/** A form: draws its fields, shows the code that they stand for, and sends all values with each message. */

const TYPING = 200; // ms without a key until the kernel is asked

/** Make an element; attributes that are null are left out, text and elements are its content. */
function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...content.filter((part) => part !== null));
  return element;
}

/** Each kind of field: the element that a person uses, and how to read it. */
const KINDS = {
  text(field, id, changed) {
    const list = field.choices.length ? make("datalist", { id: `${id}-list` }, ...field.choices.map((value) => make("option", { value }))) : null;
    const input = make("input", { id, type: "text", placeholder: field.help, list: list && list.id, autocomplete: "off" });
    input.value = field.value;
    input.addEventListener("input", changed);
    return { body: make("span", {}, input, list), read: () => input.value };
  },
  number(field, id, changed) {
    const input = make("input", { id, type: "text", inputmode: "decimal", placeholder: field.help });
    input.value = field.value;
    input.addEventListener("input", changed);
    return { body: input, read: () => input.value };
  },
  date(field, id, changed, type = "date") {
    const input = make("input", { id, type, step: type === "date" ? null : 1 });
    input.value = field.value;
    input.addEventListener("input", changed);
    return { body: input, read: () => input.value };
  },
  moment(field, id, changed) {
    return KINDS.date(field, id, changed, "datetime-local");
  },
  lines(field, id, changed) {
    const input = make("textarea", { id, rows: 3, placeholder: field.help });
    input.value = field.value;
    input.addEventListener("input", changed);
    return { body: input, read: () => input.value };
  },
  check(field, id, changed) {
    const input = make("input", { id, type: "checkbox" });
    input.checked = field.value === true;
    input.addEventListener("change", changed);
    return { body: input, read: () => input.checked };
  },
  choice(field, id, changed) {
    const input = make("select", { id }, ...field.choices.map((value) => make("option", { value }, value || "–")));
    input.value = field.value;
    input.addEventListener("change", changed);
    return { body: input, read: () => input.value };
  },
  table(field, id, changed, isChosen = true) {
    const chosen = new Set(field.value || []);
    const head = make("tr", {}, isChosen ? make("td") : null, ...field.columns.map((name) => make("th", { scope: "col" }, name)));
    const rows = field.rows.map(([key, cells]) => {
      const box = make("input", { type: "checkbox", "aria-label": `Choose ${cells.join(", ")}` });
      box.checked = chosen.has(key);
      box.addEventListener("change", () => (box.checked ? chosen.add(key) : chosen.delete(key)));
      return make("tr", {}, isChosen ? make("td", {}, box) : null, ...cells.map((cell) => make("td", {}, cell)));
    });
    const table = make("table", { id, "aria-label": field.label }, make("thead", {}, head), make("tbody", {}, ...rows));
    const none = make("p", {}, "None.");
    return { body: make("div", { class: "flyte-form-table", tabindex: 0, role: "region", "aria-label": field.label }, rows.length ? table : none), read: () => [...chosen] };
  },
  layers(field, id, changed) {
    const list = make("ol", { id, class: "flyte-form-layers", "aria-label": field.label });
    const held = new Map();
    const label = () =>
      [...list.children].forEach((row, at) => {
        const { kind, text, up, down, remove } = held.get(row);
        kind.setAttribute("aria-label", `Kind of layer ${at + 1}`);
        text.setAttribute("aria-label", `Layer ${at + 1}: ${kind.value}`);
        text.placeholder = field.columns[field.choices.indexOf(kind.value)] || "";
        up.setAttribute("aria-label", `Move layer ${at + 1} up`);
        down.setAttribute("aria-label", `Move layer ${at + 1} down`);
        remove.setAttribute("aria-label", `Remove layer ${at + 1}`);
        up.disabled = at === 0;
        down.disabled = at === list.children.length - 1;
      });
    const told = () => {
      label();
      changed();
    };
    const press = (sign, act) => {
      const element = make("button", { type: "button" }, sign);
      element.addEventListener("click", () => {
        act();
        told();
        (element.disabled || !element.isConnected ? add : element).focus();
      });
      return element;
    };
    const put = ([name, content]) => {
      const kind = make("select", {}, ...field.choices.map((value) => make("option", { value }, value)));
      const text = make("textarea", { rows: 1 });
      const row = make("li");
      const up = press("↑", () => row.previousElementSibling?.before(row));
      const down = press("↓", () => row.nextElementSibling?.after(row));
      const remove = press("×", () => row.remove());
      kind.value = name;
      text.value = content;
      kind.addEventListener("change", told);
      text.addEventListener("input", changed);
      row.append(kind, up, down, remove, text);
      held.set(row, { kind, text, up, down, remove });
      list.append(row);
    };
    const add = press("Add layer", () => put([field.choices[0], ""]));
    field.value.forEach(put);
    label(); // what is drawn has been answered already
    return { body: make("div", {}, list, add), read: () => [...list.children].map((row) => [held.get(row).kind.value, held.get(row).text.value]) };
  },
  pre(field, id) {
    return { body: make("pre", { id, tabindex: 0, role: "region", "aria-label": field.label }, field.value), read: () => "" };
  },
  shown(field, id, changed) {
    return { ...KINDS.table(field, id, changed, false), read: () => [] };
  },
};

function render({ model, el }) {
  const { title, fields, buttons, first } = model.get("content");
  const view = `${Date.now()}-${Math.random().toString(36).slice(2)}`; // also tells ids of several forms apart
  const drawn = new Map();
  let asked = 0;
  let made = 0;
  let typing = 0;

  const values = () => Object.fromEntries([...drawn].map(([name, field]) => [name, field.read()]));
  const ask = (button) => {
    clearTimeout(typing);
    asked += 1;
    root.setAttribute("aria-busy", "true");
    model.send({ view, asked, button, values: values() });
  };
  const changed = () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask(null), TYPING);
  };
  const draw = (field) => {
    const id = `flyte-form-${view}-${(made += 1)}`;
    const { body, read } = KINDS[field.kind](field, id, changed);
    const isTable = ["table", "shown", "pre", "layers"].includes(field.kind);
    const label = isTable ? make("span", {}, field.label) : make("label", { for: id }, field.label);
    const row = make("div", { class: isTable ? "flyte-form-wide" : "flyte-form-row" }, label, body);
    const before = drawn.get(field.name);
    if (before) before.row.replaceWith(row);
    drawn.set(field.name, { read, row });
    return row;
  };
  const code = make("code");
  const said = make("p", { class: "flyte-form-said", role: "status", "aria-live": "polite" });
  const steps = make("ol", { class: "flyte-form-steps", "aria-label": "Steps" });
  const lines = new Map();
  const problem = make("p", { class: "flyte-form-problem", role: "alert" });
  const show = (answer) => {
    code.textContent = answer.code || code.textContent;
    problem.textContent = answer.problem;
    said.textContent = answer.said;
    answer.fields.forEach(draw);
  };
  const button = (text, press) => {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", press);
    return element;
  };
  const insert = async () => {
    const event = new CustomEvent("flyte-insert-code", { bubbles: true, cancelable: true, detail: { code: code.textContent } });
    if (el.dispatchEvent(event)) {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "The code is in the clipboard.";
    }
  };
  const root = make(
    "form",
    { class: "flyte-form", "aria-label": title },
    make("strong", {}, title),
    ...fields.map(draw),
    problem,
    make("pre", { tabindex: 0, "aria-label": "Code" }, code),
    make("div", { class: "flyte-form-buttons" }, ...buttons.map((text) => button(text, () => ask(text))), button("Insert code", insert)),
    steps,
    said,
  );
  root.addEventListener("submit", (event) => event.preventDefault());
  root.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook would take letters as commands
  const step = ({ key, line }) => {
    if (!lines.has(key)) {
      lines.set(key, make("li"));
      steps.append(lines.get(key));
    }
    lines.get(key).textContent = line;
    if (key === "end") said.textContent = "";
  };
  const hear = (message) => {
    if (message.step) return step(message.step);
    if (message.begun) {
      lines.clear();
      steps.replaceChildren();
    }
    if (message.view !== view || message.asked !== asked) return;
    root.removeAttribute("aria-busy");
    show(message);
  };
  model.on("msg:custom", hear);
  el.append(root);
  show(first);
  return () => {
    clearTimeout(typing);
    model.off("msg:custom", hear);
  };
}

export default { render };
