// A slider over fixed stops and a field beside it. What a value is called, and what a typed text means, is Python's to say.
function render({ model, el }) {
  const id = `tinykit-${Math.random().toString(36).slice(2)}`;
  const label = Object.assign(document.createElement("label"), { htmlFor: id });
  const range = Object.assign(document.createElement("input"), { type: "range", id, min: 0, step: 1 });
  const field = Object.assign(document.createElement("input"), { type: "text" });
  const problem = document.createElement("span");
  problem.setAttribute("role", "alert");
  el.classList.add("tinykit-slider");
  for (const one of [range, field]) one.dataset.lmSuppressShortcuts = "true"; // arrow keys are theirs, not the notebook's
  el.replaceChildren(label, range, field, problem);

  const nearest = (stops, value) =>
    stops.reduce((best, stop, place) => (Math.abs(stop - value) < Math.abs(stops[best] - value) ? place : best), 0);
  const place = () => {
    const stops = model.get("stops");
    const shown = model.get("shown");
    label.textContent = model.get("description");
    range.max = stops.length - 1;
    range.value = nearest(stops, model.get("value"));
    range.setAttribute("aria-valuetext", shown);
    range.title = field.title = model.get("hint");
    field.setAttribute("aria-label", `${model.get("description")}, typed`);
    if (document.activeElement !== field || !model.get("problem")) field.value = shown;
    problem.textContent = model.get("problem");
    field.setAttribute("aria-invalid", model.get("problem") !== "");
    range.disabled = field.disabled = model.get("disabled");
  };
  const save = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  range.addEventListener("input", () => save("value", model.get("stops")[range.valueAsNumber]));
  field.addEventListener("change", () => save("typed", field.value));
  field.addEventListener("keydown", (event) => event.key === "Enter" && field.blur());
  for (const name of ["value", "stops", "shown", "problem", "disabled", "description", "hint"]) {
    model.on(`change:${name}`, place);
  }
  model.on("change:typed", () => model.get("typed") || place());
  place();
}
export default { render };
