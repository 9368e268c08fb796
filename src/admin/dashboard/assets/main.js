// The dashboard: reads GET /live and hands each snapshot to the parts of the page.
import { Charts } from "./charts.js";
import { bindConsistency } from "./consistency.js";
import { bindExplain } from "./explain.js";
import { bindHot } from "./hot.js";
import { bindWarm, showJobs } from "./jobs.js";
import { showNumbers } from "./numbers.js";
import { byId, setText } from "./page.js";
import { bindPurge, showPurges } from "./purges.js";
import { Routes } from "./routes.js";
import { showRules } from "./rules.js";
import { bindSwitches, showSwitches } from "./switches.js";
import { showUpstreams } from "./upstreams.js";

const charts = new Charts();
const routes = new Routes();

function show(snapshot) {
  showNumbers(snapshot);
  charts.add([snapshot.point]);
  routes.show(snapshot);
  showUpstreams(snapshot);
  showSwitches(snapshot);
  showPurges(snapshot);
  showJobs(snapshot);
  showRules(snapshot);
}

function connection(state, text) {
  const place = byId("connection");
  place.dataset.state = state;
  setText(place, text);
}

/** How long nothing may come before the page says so. A stream ends once a minute, and the browser asks again at once. */
const SILENCE_MS = 4000;
let silence;

/** A browser asks again by itself after a lost connection, and gives up where it is no longer let in. */
function watch() {
  const events = new EventSource("/live");
  events.addEventListener("points", (event) => charts.add(JSON.parse(event.data)));
  events.addEventListener("snapshot", (event) => {
    clearTimeout(silence);
    silence = setTimeout(() => connection("lost", "connection lost, trying again"), SILENCE_MS);
    connection("live", "live");
    show(JSON.parse(event.data));
  });
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return;
    clearTimeout(silence);
    connection("ended", "not let in any more, or too many watch: reload the page");
    setTimeout(watch, 10_000);
  });
}

function bindTheme() {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const changed = () => {
    setText(button, isDark() ? "Light" : "Dark");
    charts.restyle();
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("larder-theme", theme);
    changed();
  });
  dark.addEventListener("change", changed);
  changed();
}

bindTheme();
bindPurge();
bindHot();
bindConsistency();
bindWarm();
bindSwitches();
bindExplain();
watch();
