// Making and changing what the page shows. Text is put in as text, whatever it holds: nothing here reads markup.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with these attributes and children; a child that is no element becomes text. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().map((child) => (child instanceof Node ? child : String(child ?? ""))));
  return made;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().map((child) => (child instanceof Node ? child : String(child))));
}

/** Changes a text only where it differs, so that nothing is announced or selected anew for no reason. */
export function setText(element, text) {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
}

/**
 * A table that is changed in place: rows keep their elements, so that what has the focus keeps it.
 *
 * A column has a title, its kind ("name", "text" or none for numbers) and `cell(row)`: a text, or a list of elements.
 * A cell with elements is made again only where `mark(row)` has changed. The first column heads its row.
 */
export class Table {
  constructor(place, caption, columns, empty) {
    this.columns = columns;
    this.rows = new Map();
    this.body = make("tbody");
    const heads = columns.map((column) => make("th", { scope: "col", class: column.kind }, column.title));
    const table = make("table", { "aria-label": caption }, make("thead", {}, make("tr", {}, heads)), this.body);
    fill(place, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${caption}, table` }, table));
    this.empty = make("tr", {}, make("td", { class: "empty", colspan: columns.length }, empty));
    this.body.append(this.empty);
  }

  /** Shows these rows in this order; `key(row)` tells them apart. */
  show(rows, key) {
    const kept = new Map();
    for (const row of rows) {
      const name = key(row);
      kept.set(name, this.#changed(this.rows.get(name) ?? this.#made(), row));
    }
    this.rows = kept;
    const wanted = kept.size > 0 ? [...kept.values()].map((one) => one.element) : [this.empty];
    const present = [...this.body.children];
    if (wanted.length !== present.length || wanted.some((element, at) => element !== present[at])) fill(this.body, wanted);
  }

  #made() {
    const cells = this.columns.map((column, at) =>
      make(at === 0 ? "th" : "td", { class: column.kind, scope: at === 0 ? "row" : undefined }));
    return { element: make("tr", {}, cells), cells, marks: [] };
  }

  #changed(shown, row) {
    this.columns.forEach((column, at) => {
      const cell = shown.cells[at];
      if (column.mark) {
        const mark = column.mark(row);
        if (shown.marks[at] !== mark) fill(cell, column.cell(row));
        shown.marks[at] = mark;
      } else {
        setText(cell, column.cell(row));
      }
      if (column.tone) cell.className = [column.kind, column.tone(row)].filter(Boolean).join(" ");
    });
    return shown;
  }
}

/** A list of names and what they are. A pair without a value is left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return make("dl", { class: "facts" }, shown.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]).flat());
}

/** Asks whether something shall be done. `text` is a list of elements or texts. */
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  setText(byId("confirm-title"), title);
  fill(byId("confirm-text"), text.flat());
  setText(byId("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((decided) => {
    dialog.addEventListener("close", () => decided(dialog.returnValue === "yes"), { once: true });
  });
}
