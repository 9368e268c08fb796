// Requests by route, and why they were no hits.
import { byId, Table } from "./page.js";
import { count, percent, percentiles, perSecond } from "./units.js";

const ROUTES = [
  { title: "Route", kind: "name", cell: (row) => row.name },
  { title: "a second", cell: (row) => perSecond(row.recent.requests, row.seconds) },
  { title: "Hit ratio", cell: (row) => percent(row.recent.hit_ratio) },
  { title: "Hits, ms", cell: (row) => percentiles(row.recent.hits) },
  { title: "Misses, ms", cell: (row) => percentiles(row.recent.misses) },
  { title: "Upstream, ms", cell: (row) => percentiles(row.recent.upstream) },
  { title: "Past the cache, ms", cell: (row) => percentiles(row.recent.passes) },
  { title: "Since the start", cell: (row) => count(row.all.requests) },
  { title: "Hit ratio", cell: (row) => percent(row.all.hit_ratio) },
];

const REASONS = [
  { title: "Reason", kind: "name", cell: (row) => row.reason },
  { title: "Outcome", kind: "text", cell: (row) => row.outcome },
  { title: "Route", kind: "name", cell: (row) => row.route },
  { title: "a second", cell: (row) => perSecond(row.requests, row.seconds) },
  { title: "Requests", cell: (row) => count(row.requests) },
];

const REASONS_MAX = 20;

export class Routes {
  constructor() {
    this.routes = new Table(byId("routes"), "Routes", ROUTES, "No request yet.");
    this.reasons = new Table(byId("reasons"), "Why not a hit", REASONS, "Every request was a hit, or there was none.");
  }

  show({ recent, stats }) {
    const seconds = recent.window_secs;
    const rows = Object.entries(stats.routes).map(([name, all]) =>
      ({ name: name === "-" ? "(no route)" : name, all, seconds, recent: recent.routes[name] ?? { requests: 0, hit_ratio: null } }));
    rows.sort((one, other) => other.all.requests - one.all.requests);
    this.routes.show(rows, (row) => row.name);
    const reasons = Object.entries(recent.routes).flatMap(([route, traffic]) =>
      traffic.reasons.map((reason) => ({ ...reason, seconds, route: route === "-" ? "(no route)" : route })));
    reasons.sort((one, other) => other.requests - one.requests || one.reason.localeCompare(other.reason));
    this.reasons.show(reasons.slice(0, REASONS_MAX), (row) => `${row.route}\n${row.outcome}\n${row.reason}`);
  }
}
