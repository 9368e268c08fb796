// The upstream servers, and taking them out and in.
import { send } from "./calls.js";
import { byId, confirmed, make, Table } from "./page.js";
import { count, percentiles, perSecond } from "./units.js";

const COLUMNS = [
  { title: "Server", kind: "name", cell: (row) => row.server.server },
  { title: "Pool", kind: "text", cell: (row) => row.pool.pool },
  { title: "State", kind: "text", cell: (row) => row.server.state, tone: (row) => (row.server.state === "up" ? "good" : "bad") },
  { title: "Why", kind: "name", cell: (row) => whys(row.server) },
  { title: "Under way", cell: (row) => count(row.server.under_way) },
  { title: "Connections", cell: (row) => count(row.server.connections.active + row.server.connections.idle) },
  { title: "a second", cell: (row) => perSecond(row.latency?.count ?? 0, row.seconds) },
  { title: "Time, ms", cell: (row) => percentiles(row.latency) },
  { title: "Taken out", cell: (row) => count(row.server.ejections + row.server.failed_checks) },
  { title: "Drain", kind: "text", mark: (row) => row.server.state === "draining", cell: (row) => [button(row)] },
];

const whys = (server) => [...new Set(server.addresses.map((address) => address.why).filter(Boolean))].join("; ");

let table;

export function showUpstreams({ pools, recent }) {
  table ??= new Table(byId("upstreams"), "Upstream servers", COLUMNS, "There is none.");
  const rows = pools.flatMap((pool) => pool.servers.map((server) => ({
    pool,
    server,
    seconds: recent.window_secs,
    latency: recent.servers.find((one) => one.pool === pool.pool && one.server === server.server),
  })));
  table.show(rows, (row) => `${row.pool.pool}\n${row.server.server}`);
}

function button({ pool, server }) {
  const out = server.state === "draining";
  return make("button", {
    type: "button",
    class: "small",
    "aria-label": `${out ? "Take in" : "Drain"} ${server.server} of ${pool.pool}`,
    click: () => drain(pool.pool, server.server, !out),
  }, out ? "Take in…" : "Drain…");
}

async function drain(pool, server, out) {
  const text = out
    ? `${server} of pool ${pool} is sent nothing new by this instance, and ends what it has under way.`
    : `${server} of pool ${pool} is sent requests by this instance again.`;
  if (!(await confirmed(out ? "Drain this server?" : "Take this server in again?", [make("p", {}, text)], out ? "Drain" : "Take in"))) return;
  const path = `/upstreams/${encodeURIComponent(pool)}/${encodeURIComponent(server)}/drain`;
  try {
    await send(path, { drain: out });
  } catch (refused) {
    const force = out && refused.status === 409
      && (await confirmed("Drain it all the same?", [make("p", {}, refused.message)], "Drain all the same"));
    if (force) await send(path, { drain: true, force: true });
    else if (!(out && refused.status === 409)) await confirmed("It was not done", [make("p", {}, refused.message)], "Close");
  }
}
