// Jobs: work without a client. Beginning to warm, watching, cancelling.
import { cancel, send } from "./calls.js";
import { byId, confirmed, make, setText, Table } from "./page.js";
import { clockTime, count } from "./units.js";

const COLUMNS = [
  { title: "Id", kind: "name", cell: (row) => row.id },
  { title: "Kind", kind: "text", cell: (row) => row.kind },
  { title: "About", kind: "name", cell: (row) => row.about },
  { title: "Began", kind: "text", cell: (row) => clockTime(row.began_at) },
  { title: "State", kind: "text", cell: (row) => state(row), tone: (row) => (row.why ? "bad" : "") },
  { title: "Done", cell: (row) => `${count(row.done)} of ${count(row.total)}` },
  { title: "Results", kind: "name", cell: (row) => Object.entries(row.results).map(([result, number]) => `${count(number)} ${result}`).join(", ") },
  { title: "Cancel", kind: "text", mark: (row) => row.ended_at, cell: (row) => (row.ended_at ? [] : [cancelling(row)]) },
];

function state(job) {
  if (job.why) return `${job.state}: ${job.why}`;
  return job.gives_way ? `${job.state}, waits so that clients go first` : job.state;
}

let table;

export function showJobs({ jobs }) {
  table ??= new Table(byId("jobs"), "Jobs", COLUMNS, "There is none.");
  table.show(jobs, (row) => row.id);
}

function cancelling(job) {
  const click = async () => {
    if (!(await confirmed("Cancel this job?", [make("p", {}, `${job.kind}: ${job.about}`)], "Cancel the job"))) return;
    try {
      await cancel(`/jobs/${encodeURIComponent(job.id)}`);
    } catch (refused) {
      setText(byId("warm-answer"), refused.message);
    }
  };
  return make("button", { type: "button", class: "small", "aria-label": `Cancel job ${job.id}`, click }, "Cancel…");
}

export function bindWarm() {
  const form = byId("warm-form");
  const answer = byId("warm-answer");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const urls = form.elements.urls.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (urls.length === 0) {
      setText(answer, "Name a URL, one a line.");
      return;
    }
    const text = [
      make("p", {}, `${count(urls.length)} URLs are fetched by this instance, where what is stored of them is not fresh. Clients go first.`),
      make("ul", {}, urls.slice(0, 20).map((url) => make("li", {}, url))),
    ];
    if (!(await confirmed("Warm?", text, "Warm"))) return;
    try {
      setText(answer, `Job ${(await send("/warm", { urls })).id} has begun.`);
    } catch (refused) {
      setText(answer, refused.message);
    }
  });
}
