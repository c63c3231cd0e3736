// A picture with the words that say what is drawn in it.
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "widget-image tinykit-picture";
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
  };
  model.on("change:value", draw);
  model.on("change:alt", tell);
  draw();
  tell();
  return () => URL.revokeObjectURL(address);
}
export default { render };
