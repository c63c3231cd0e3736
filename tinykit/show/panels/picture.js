// A picture with the words that say what is drawn in it; dark where what lies behind it is dark.
function isDark(element) {
  const told = document.body.dataset.jpThemeLight;
  if (told !== undefined) return told === "false";
  for (let one = element; one; one = one.parentElement ?? one.getRootNode().host) {
    const [red, green, blue, alpha = 1] = (getComputedStyle(one).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (alpha > 0.5 && blue !== undefined) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return false;
}
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "widget-image tinykit-picture";
  el.classList.add("tinykit-frame");
  el.replaceChildren(image);
  let address = "";
  const draw = () => {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    image.src = address;
  };
  const tell = () => {
    image.alt = model.get("alt");
    image.style.width = model.get("width");
    image.classList.toggle("tinykit-stale", model.get("stale"));
  };
  const shade = () => image.classList.toggle("tinykit-dark", isDark(el));
  const watch = new MutationObserver(shade);
  watch.observe(document.body, { attributes: true });
  watch.observe(document.documentElement, { attributes: true });
  model.on("change:value", draw);
  model.on("change:alt change:stale", tell);
  draw();
  tell();
  requestAnimationFrame(shade);
  return () => {
    watch.disconnect();
    URL.revokeObjectURL(address);
  };
}
export default { render };
