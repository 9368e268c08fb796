// How often an answer from the cache was older than the origin's, as GET /consistency has measured it, and what was found.
import { ask } from "./calls.js";
import { byId, setText, Table } from "./page.js";
import { scopeText } from "./purges.js";
import { count, dateTime, duration } from "./units.js";

const PERIOD_MS = 5000;
const SHOWN = 10;

/** A small share of one, with as many digits as tell something: 0.0012 %. */
const share = (part) => (part === null || part === undefined ? "–" : `${Number((part * 100).toPrecision(2))} %`);

const between = ({ low, high }) => `${share(low)} to ${share(high)}`;

const ROUTES = [
  { title: "Route", kind: "name", cell: (row) => row.route.route },
  { title: "Audited", cell: (row) => (row.route.share === null ? "no more" : share(row.route.share)) },
  { title: "Hits compared", cell: (row) => count(row.route.hits.compared) },
  { title: "Stale", cell: (row) => count(row.route.hits.stale), tone: (row) => (row.route.hits.stale > 0 ? "bad" : "") },
  { title: "Stale rate", cell: (row) => share(row.route.hits.rate) },
  { title: "Lies between", cell: (row) => between(row.route.hits) },
  { title: "After purges", cell: (row) => `${count(row.route.after_purges.stale)} of ${count(row.route.after_purges.compared)}` },
  { title: "Not told", cell: (row) => count(undecided(row.route.verdicts)) },
];

/** What was looked at, and says nothing of the rate. */
const undecided = ({ same, stale, ...others }) => Object.values(others).reduce((sum, one) => sum + one, 0);

const FOUND = [
  { title: "URL", kind: "name", cell: (row) => row.url },
  { title: "Route", kind: "text", cell: (row) => row.route },
  { title: "When", kind: "text", cell: (row) => dateTime(row.at) },
  { title: "What", kind: "text", cell: (row) => (row.occasion === "hit" ? "a hit" : "read after a purge") },
  { title: "Age", cell: (row) => duration(row.age_secs) },
  { title: "Served", kind: "name", cell: (row) => answer(row.served) },
  { title: "The origin's", kind: "name", cell: (row) => answer(row.origin) },
  { title: "Purge that covered it", kind: "name", cell: (row) => purge(row.ignored_purge), tone: (row) => (row.ignored_purge ? "bad" : "") },
];

const answer = ({ status, digest }) => `${status} ${digest}`;

function purge(ignored) {
  if (!ignored) return "none had come";
  return `${ignored.scope ? `${scopeText(ignored.scope)}, ` : ""}stamp ${ignored.stamp}: not obeyed`;
}

/** How many hits must be compared to know something. */
function needed({ confidence_percent: confidence, needed_to_show: rates }) {
  const each = rates.map(({ rate, hits }) => `${count(hits)} for ${share(rate)}`);
  return `The true rate lies between both bounds with a confidence of ${confidence} %. To show that it is no higher takes, where none is found stale, so many hits compared: ${each.join(", ")}.`;
}

/** Asks again and again, while the page is seen. */
export function bindConsistency() {
  const note = byId("consistency-note");
  const routes = new Table(byId("consistency"), "Stale answers by route", ROUTES, "No route is audited: audit = \"1%\" in a rule has a share of its hits compared with the origin.");
  const found = new Table(byId("consistency-found"), "Answers that were found stale", FOUND, "None was found.");
  const show = async () => {
    if (document.hidden) return;
    try {
      const shown = await ask("/consistency");
      routes.show(shown.routes.map((route) => ({ route })), (row) => row.route.route);
      found.show(shown.found.slice(0, SHOWN), (row) => `${row.at}\n${row.url}`);
      setText(note, needed(shown));
    } catch (refused) {
      setText(note, refused.message);
    }
  };
  setInterval(show, PERIOD_MS);
  show();
}
