// The rules in force, and newer ones that were rejected, with the place of each error.
import { ask, send } from "./calls.js";
import { byId, confirmed, facts, fill, make, setText } from "./page.js";
import { dateTime } from "./units.js";

let shown = "";

export function showRules({ rules }) {
  const wanted = JSON.stringify(rules);
  if (wanted === shown) return;
  shown = wanted;
  const reload = make("button", { type: "button", class: "small", click: () => reloadRules(answer) }, "Read the rules again…");
  const answer = make("p", { class: "answer", role: "status" });
  fill(
    byId("rules"),
    rules.rejected ? rejected(rules.rejected) : [],
    facts([["In force since", dateTime(rules.loaded_at)], ["Digest", rules.digest], ["Routes", rules.routes.join(", ") || "none"]]),
    make("div", { class: "tools" }, reload),
    answer,
    files(),
  );
}

function rejected({ at, diagnostics, diagnostics_total: total }) {
  const more = total - diagnostics.length;
  return make("div", { id: "rejected" },
    make("p", { class: "warning" }, `Newer rules were rejected at ${dateTime(at)}. Those below stay in force.`),
    diagnostics.map((problem) => make("div", { class: "problem" },
      make("p", {}, make("code", {}, place(problem))),
      make("p", {}, problem.message),
      problem.value ? make("pre", { tabindex: "0" }, problem.value) : [],
      problem.hint ? make("p", { class: "muted" }, problem.hint) : [])),
    more > 0 ? make("p", { class: "muted" }, `and ${more} more: GET /rules has them all`) : []);
}

const place = ({ file, line, column }) => [file ?? "rules", line, column].filter((part) => part !== undefined).join(":");

/** The texts in force, asked for when they are opened. */
function files() {
  const texts = make("div");
  const opened = async (event) => {
    if (!event.target.open) return;
    try {
      const { files: read } = await ask("/rules");
      fill(texts, read.flatMap((file) => [make("p", {}, make("code", {}, file.path)), make("pre", { tabindex: "0" }, file.text)]));
    } catch (refused) {
      fill(texts, make("p", {}, refused.message));
    }
  };
  return make("details", { toggle: opened }, make("summary", {}, "Files in force"), texts);
}

async function reloadRules(answer) {
  const text = "The rules files are read now and, if they have no errors, put in force at this instance.";
  if (!(await confirmed("Read the rules again?", [make("p", {}, text)], "Read them"))) return;
  try {
    const { routes, warnings } = await send("/reload", {});
    setText(answer, `${routes} routes are in force. ${warnings.map((warning) => warning.message).join(" ")}`);
  } catch (refused) {
    setText(answer, refused.message);
  }
}
