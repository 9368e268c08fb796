// Purging, and the receipts of recent purges.
import { send } from "./calls.js";
import { byId, confirmed, fill, make, setText, Table } from "./page.js";
import { bytes, clockTime, count } from "./units.js";

const COLUMNS = [
  { title: "Id", kind: "name", cell: (row) => row.id },
  { title: "At", kind: "text", cell: (row) => clockTime(row.requested_at) },
  { title: "What", kind: "name", cell: (row) => scopes(row) },
  { title: "Depth", kind: "text", cell: (row) => row.depth },
  { title: "Source", kind: "text", cell: (row) => row.source },
  { title: "Asked of", kind: "text", cell: (row) => row.by },
  { title: "Applied by", kind: "name", cell: (row) => row.applied.join(", ") },
  { title: "Pending", kind: "name", cell: (row) => row.pending.join(", ") || "complete", tone: (row) => (row.pending.length ? "warn" : "good") },
];

/** What a purge covers. */
export const scopeText = (scope) => (scope.kind === "all" ? "everything" : `${scope.kind} ${scope.name}`);

function scopes(purge) {
  const shown = purge.scopes.map(scopeText);
  const more = purge.scopes_total - purge.scopes.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

let table;

export function showPurges({ purges }) {
  table ??= new Table(byId("purges"), "Recent purges", COLUMNS, "Nothing was purged yet.");
  table.show(purges, (row) => row.id);
}

/** What the form asks for, as the body of POST /purge. */
function asked(form) {
  const kind = form.elements.kind.value;
  const names = form.elements.names.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const what = kind === "all" ? { all: true } : { [kind]: names };
  return { kind, names, body: { ...what, soft: form.elements.soft.checked } };
}

/** What a purge would take, by a dry run of it. */
function foretold(preview) {
  const { fetches, hottest } = preview;
  return [
    make("p", {}, `In the memory of instance ${preview.instance} that is ${count(preview.entries)} responses, ${bytes(preview.bytes)}.`
      + ` ${count(fetches.at_most)} fetches follow at most, ${count(fetches.hot)} of them soon.`),
    hottest.length > 0 ? [make("p", {}, "Hottest of these:"), make("ul", {}, hottest.map(({ url }) => make("li", {}, url)))] : [],
    hints(preview.scopes).map((hint) => make("p", { class: "warn" }, hint)),
    preview.notes.map((note) => make("p", { class: "muted" }, note)),
  ].flat();
}

const hints = (named) => named.filter((scope) => scope.hint).map((scope) => `${scopeText(scope)}: ${scope.hint}`);

export function bindPurge() {
  const form = byId("purge-form");
  const answer = byId("purge-answer");
  const names = form.elements.names;
  form.elements.kind.addEventListener("change", () => { names.disabled = form.elements.kind.value === "all"; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { kind, names: named, body } = asked(form);
    if (kind !== "all" && named.length === 0) {
      setText(answer, "Name something, one a line.");
      return;
    }
    try {
      const text = [
        make("p", {}, body.soft ? "What is stored of this becomes stale:" : "What is stored of this can no longer be used:"),
        make("ul", {}, kind === "all" ? make("li", {}, "everything") : named.map((name) => make("li", {}, `${kind}: ${name}`))),
        foretold(await send("/purge?dry_run=true", body)),
      ];
      if (!(await confirmed(body.soft ? "Purge softly?" : "Purge?", text, "Purge"))) return;
      showReceipt(answer, await send("/purge", body));
    } catch (refused) {
      setText(answer, refused.message);
    }
  });
}

function showReceipt(answer, receipt) {
  const found = receipt.scopes.filter((scope) => scope.may_match).length;
  const said = `Receipt ${receipt.id}: applied by ${receipt.applied.join(", ") || "none yet"}`
    + `${receipt.pending.length ? `, pending at ${receipt.pending.join(", ")}` : ", complete"}.`
    + ` ${found} of ${receipt.scopes.length} scopes may have matched something in this instance's memory.`;
  fill(answer, said, hints(receipt.scopes).map((hint) => make("span", { class: "warn" }, ` ${hint}.`)));
}
