// A question over a result: fields or choices, a cover, and the result in its place once Python has sent it.
function make(tag, settings = {}, ...inside) {
  const one = Object.assign(document.createElement(tag), settings);
  one.append(...inside);
  return one;
}
const FOUND = {
  number: (mark) => (mark < 1e9 ? `off by a factor of ${Number(mark.toPrecision(2))}` : "no factor leads from one to the other"),
  interval: (mark) => (mark ? "held" : "not held"),
  choice: (mark) => (mark ? "right" : "not this one"),
  skipped: () => "skipped",
};
const tell = ({ kind, mark, said, truth }) =>
  [said && `you: ${said}`, `truth: ${truth}`, FOUND[kind](mark)].filter(Boolean).join(" · ");

function render({ model, el }) {
  const id = `tinykit-${Math.random().toString(36).slice(2)}`;
  const { question, unit, interval, choices } = model.get("state");
  const frame = make("fieldset", {}, make("legend", { textContent: question }));
  const problem = make("span", { id: `${id}-problem` });
  problem.setAttribute("role", "alert");
  const status = make("p", { className: "tinykit-told", tabIndex: -1 });
  status.setAttribute("role", "status");
  const under = make("div", { className: "tinykit-cover", textContent: "The result lies here: answer, or skip." });
  el.classList.add("tinykit-guess");
  el.replaceChildren(frame, status, under);

  const entries = [];
  const ask = (label, settings) => {
    const entry = make("input", { id: `${id}-${entries.length}`, ...settings });
    entry.dataset.lmSuppressShortcuts = "true"; // keys typed here are its own, not the notebook's
    entries.push(entry);
    const name = make("label", { htmlFor: entry.id, textContent: label });
    frame.append(make("div", {}, ...(entry.type === "radio" ? [entry, name] : [name, entry])));
  };
  if (choices.length) {
    for (const choice of choices) ask(choice, { type: "radio", name: id, value: choice });
  } else {
    const written = unit === "1" ? "" : ` [${unit}]`;
    const ends = interval ? ["at least", "at most"] : ["your guess"];
    if (interval) frame.append(make("p", { textContent: "Two ends that hold the truth four times out of five:" }));
    for (const end of ends) {
      ask(end + written, { type: "text", autocomplete: "off" });
      entries.at(-1).setAttribute("aria-describedby", problem.id);
    }
  }

  let waits = false;
  const send = (typed) => {
    status.textContent = "The answer is in; the result comes when the cell has run.";
    waits = true;
    model.set("typed", typed);
    model.save_changes();
  };
  const answer = () => {
    const typed = choices.length ? entries.filter((one) => one.checked) : entries.filter((one) => one.value.trim());
    if (typed.length === (choices.length ? 1 : entries.length)) return send(typed.map((one) => one.value));
    problem.textContent = choices.length ? "Choose one, or skip." : "Write a number, or skip.";
    (entries.find((one) => !one.value.trim()) ?? entries[0]).focus();
  };
  const button = (textContent, onclick) => make("button", { type: "button", className: "jupyter-button", textContent, onclick });
  frame.append(make("div", {}, button("Answer", answer), button("Skip", () => send([]))), problem);
  for (const entry of entries) {
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      answer();
    });
  }

  const follow = () => {
    const state = model.get("state");
    problem.textContent = state.problem ?? "";
    for (const entry of entries) entry.setAttribute("aria-invalid", Boolean(state.problem && !state.answer));
    if (!state.answer) {
      if (state.problem) {
        status.textContent = "";
        entries[0].focus();
      }
      waits = false;
      return;
    }
    for (const one of frame.querySelectorAll("input, button")) one.disabled = true;
    under.className = "tinykit-under";
    under.innerHTML = state.result; // made by the kit: every text in it is escaped
    status.textContent = (waits ? "" : "Answered before. ") + tell(state.answer);
    if (waits) status.focus();
    waits = false;
  };
  model.on("change:state", follow);
  follow();
}
export default { render };
