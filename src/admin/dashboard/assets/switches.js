// Incident switches: which are on, setting one, ending one.
import { send } from "./calls.js";
import { byId, confirmed, fill, make, setText, Table } from "./page.js";
import { dateTime } from "./units.js";

const ALL = "*";
const routeText = (route) => (route === ALL ? "all routes" : `route ${route}`);

/** What each mode does, for the question before it is set. */
const EFFECTS = {
  bypass: "Requests pass through to the upstream; nothing is answered from the cache or stored.",
  "stale-only": "Requests get what is stored, fresh or stale; nothing is refreshed. What is not stored is fetched, and stored.",
  freeze: "As stale-only, and lifetimes do not run out.",
  normal: "The rules decide again.",
};

const COLUMNS = [
  { title: "For", kind: "name", cell: (row) => routeText(row.route) },
  { title: "Mode", kind: "text", cell: (row) => row.mode, tone: () => "warn" },
  { title: "Until", kind: "text", cell: (row) => dateTime(row.until) },
  { title: "Why", kind: "name", cell: (row) => row.why },
  { title: "Set by", kind: "name", cell: (row) => `${row.who} at ${row.by}` },
  { title: "End", kind: "text", mark: () => "", cell: (row) => [ending(row.route)] },
];

let table;
let offered = "";

/** Shows the switches that are on, and offers the routes in force. */
export function showSwitches({ stats, rules }) {
  table ??= new Table(byId("switches"), "Incident switches that are on", COLUMNS, "None is on.");
  table.show(stats.switches, (row) => row.route);
  const names = [ALL, ...rules.routes];
  if (names.join("\n") === offered) return;
  offered = names.join("\n");
  const select = byId("switch-form").elements.route;
  const chosen = select.value;
  fill(select, names.map((name) => make("option", { value: name }, routeText(name))));
  if (names.includes(chosen)) select.value = chosen;
}

function ending(route) {
  const label = `End the switch of ${routeText(route)}`;
  return make("button", { type: "button", class: "small", "aria-label": label, click: () => set(route, "normal", {}) }, "End…");
}

async function set(route, mode, terms) {
  const answer = byId("switch-answer");
  const until = terms.for ? ` for ${terms.for}` : "";
  const effect = mode === "normal" && route === ALL ? "Every switch ends, those of single routes too." : EFFECTS[mode];
  const text = [make("p", {}, `${routeText(route)}: ${mode}${until}, at every instance of the fleet.`), make("p", {}, effect)];
  if (!(await confirmed(mode === "normal" ? "End this switch?" : "Set this switch?", text, mode === "normal" ? "End" : "Set"))) return;
  try {
    const said = await send(`/routes/${encodeURIComponent(route)}/switch`, { mode, ...terms });
    setText(answer, `${routeText(said.route)}: ${said.mode}. Applied by ${said.applied.join(", ") || "none yet"}`
      + `${said.pending.length ? `, pending at ${said.pending.join(", ")}` : ""}.`);
  } catch (refused) {
    setText(answer, refused.message);
  }
}

export function bindSwitches() {
  const form = byId("switch-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { route, mode, lasting, why } = form.elements;
    set(route.value, mode.value, { for: lasting.value.trim(), why: why.value.trim() });
  });
}
