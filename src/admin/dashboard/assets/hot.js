// The busiest keys and the most popular search terms, as GET /top and GET /searches estimate them.
import { ask } from "./calls.js";
import { byId, setText, Table } from "./page.js";
import { bytes, count, percent } from "./units.js";

const PERIOD_MS = 5000;
const SHOWN = 10;

/** The true number is between estimate - error and estimate. */
const estimated = ({ estimate, error }, show = count) => (error > 0 ? `≤ ${show(Math.round(estimate))}` : show(Math.round(estimate)));

const NUMBERS = [
  { title: "Requests", cell: (row) => estimated(row.requests) },
  { title: "Hit ratio", cell: (row) => percent(row.hit_ratio) },
  { title: "Misses", cell: (row) => estimated(row.misses) },
  { title: "Bytes", cell: (row) => estimated(row.bytes, bytes) },
  { title: "Upstream, ms", cell: (row) => estimated(row.upstream_ms) },
  { title: "Upstream seconds saved", cell: (row) => estimated(row.origin_seconds_saved) },
];

const KEYS = [
  { title: "URL", kind: "name", cell: (row) => `${row.host}${row.target}` },
  { title: "Route", kind: "text", cell: (row) => row.route ?? "(no route)" },
  ...NUMBERS,
];

const TERMS = [
  { title: "Term", kind: "name", cell: (row) => row.term },
  { title: "Route", kind: "text", cell: (row) => row.route ?? "(no route)" },
  ...NUMBERS,
];

/** Asks again and again, while the page is seen, for what the form has chosen. */
export function bindHot() {
  const form = byId("hot-form");
  const note = byId("hot-note");
  const keys = new Table(byId("hot"), "Hottest keys", KEYS, "None yet.");
  const terms = new Table(byId("searches"), "Popular searches", TERMS, "None yet. A route counts the query parameter that its search_term names.");
  const show = async () => {
    if (document.hidden) return;
    const query = new URLSearchParams({ by: form.elements.by.value, window: form.elements.window.value, limit: SHOWN });
    try {
      const [top, searches] = await Promise.all([ask(`/top?${query}`), ask(`/searches?${query}`)]);
      keys.show(top.keys, (row) => `${row.route}\n${row.host}${row.target}`);
      terms.show(searches.terms, (row) => `${row.route}\n${row.term}`);
      setText(note, `${count(top.decisions)} requests in ${count(top.covers_secs)} s, ${percent(top.looked_at)} of them looked at.`);
    } catch (refused) {
      setText(note, refused.message);
    }
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  setInterval(show, PERIOD_MS);
  show();
}
