// The tiles, and the warnings above them.
import { byId, fill, make, setText } from "./page.js";
import { bound, bytes, count, dateTime, duration, percent, perSecond } from "./units.js";

const TILES = [
  ["Requests a second", (s) => perSecond(s.recent.overall.requests, s.recent.window_secs), (s) => `${count(s.stats.overall.requests)} since the start`],
  ["Hit ratio", (s) => percent(s.recent.overall.hit_ratio), (s) => `${percent(s.stats.overall.hit_ratio)} since the start`],
  ["Errors a second", (s) => perSecond(s.recent.overall.outcomes.error ?? 0, s.recent.window_secs), (s) => `${count(s.stats.overall.outcomes.error ?? 0)} since the start`],
  ["P95 of answers", (s) => bound(s.recent.overall.all, "p95_ms"), (s) => `hits ${bound(s.recent.overall.hits, "p95_ms")}`],
  ["P95 of upstream", (s) => bound(s.recent.upstream, "p95_ms"), (s) => `${perSecond(s.recent.upstream.count, s.recent.window_secs)} requests a second`],
  ["Memory", (s) => bytes(memory(s)?.bytes), (s) => `of ${bytes(memory(s)?.bytes_max)}, ${count(memory(s)?.entries)} responses`],
  ["Evicted for room", (s) => perSecond(s.recent.evictions, s.recent.window_secs), (s) => `a second; ${count(memory(s)?.evictions.capacity)} since the start`],
  ["Bodies under way", (s) => bytes(s.in_flight_bytes), () => "not yet taken by their readers"],
  ["Redis", (s) => redis(s), (s) => (s.redis ? `${count(s.redis.failures)} failed commands` : "this instance has none")],
  ["Invalidation lag", (s) => (s.purge_lag ? bound(s.purge_lag, "p99_ms") : "none"), (s) => lag(s)],
];

const memory = (snapshot) => snapshot.stats.tiers.find((tier) => tier.tier === "memory");

function redis(snapshot) {
  if (!snapshot.redis) return "none";
  return snapshot.redis.breaker_open ? "away" : "answers";
}

const lag = (snapshot) =>
  snapshot.purge_lag
    ? `P99 of ${count(snapshot.purge_lag.count)} purges from the fleet's log`
    : `stands alone; ${count(snapshot.stats.purges_applied)} purges applied`;

let shown;

/** Shows a snapshot in the tiles and the head of the page. */
export function showNumbers(snapshot) {
  if (!shown) {
    shown = TILES.map(([title]) => ({ value: make("dd"), note: make("dd", { class: "note" }), title }));
    fill(byId("tiles"), shown.map((tile) => make("div", {}, make("dt", {}, tile.title), tile.value, tile.note)));
  }
  TILES.forEach(([, value, note], at) => {
    setText(shown[at].value, value(snapshot));
    setText(shown[at].note, note(snapshot));
  });
  setText(byId("version"), snapshot.stats.version);
  setText(byId("instance"), `instance ${snapshot.stats.instance}, up for ${duration(snapshot.stats.uptime_secs)}`);
  showWarnings(snapshot);
}

function showWarnings(snapshot) {
  const warnings = [];
  if (snapshot.rules.rejected) warnings.push("A newer rules file was rejected; the rules in force stay. See Rules below.");
  if (snapshot.redis?.breaker_open) warnings.push("Redis counts as away: requests do without it.");
  for (const pool of snapshot.pools) {
    for (const server of pool.servers.filter((one) => one.state !== "up")) {
      warnings.push(`Upstream server ${server.server} of pool ${pool.pool} is ${server.state}.`);
    }
  }
  for (const { route, mode, until } of snapshot.stats.switches) {
    warnings.push(`${route === "*" ? "All routes are" : `Route ${route} is`} switched to ${mode} until ${dateTime(until)}.`);
  }
  if (snapshot.stats.fleet?.versions_mixed) warnings.push("The instances of this fleet are of more than one version.");
  if (snapshot.stats.fleet?.rules_mixed) warnings.push("The instances of this fleet go by more than one set of rules.");
  const place = byId("warnings");
  const wanted = warnings.join("\n");
  if (place.dataset.shown !== wanted) fill(place, warnings.map((text) => make("p", { class: "warning" }, text)));
  place.dataset.shown = wanted;
}
