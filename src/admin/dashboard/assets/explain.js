// What would happen to a request, as GET /explain says it.
import { ask } from "./calls.js";
import { byId, facts, fill, make } from "./page.js";

const because = (given) => given && `${given.reason}: ${given.explanation}`;
const lines = (list) => list?.join("\n");

/** The answer in short, then all of it. */
function shown(explained) {
  const { would } = explained;
  const stored = explained.stored?.length;
  return [
    facts([
      ["Outcome", would && `${would.outcome}, ${because(would)}`],
      ["Not shared", because(would?.alone)],
      ["Not stored", because(would?.known_uncacheable)],
      ["Route", explained.route ? `${explained.route}, ${explained.pattern}` : "none: it passes through"],
      ["Keyed as", explained.keyed_url],
      ["Asked of upstream", explained.origin_target && `${explained.upstream}: ${explained.origin_target}`],
      ["Stored in memory", stored === undefined ? undefined : `${stored} under this key`],
      ["Hints", lines(explained.hints)],
      ["Notes", lines(explained.notes)],
    ]),
    make("details", {}, make("summary", {}, "Everything"), make("pre", { tabindex: "0" }, JSON.stringify(explained, null, 2))),
  ];
}

export function bindExplain() {
  const form = byId("explain-form");
  const answer = byId("explain-answer");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ method: form.elements.method.value, url: form.elements.url.value });
    try {
      fill(answer, shown(await ask(`/explain?${query}`)));
    } catch (refused) {
      fill(answer, make("p", { class: "answer" }, refused.message));
    }
  });
}
