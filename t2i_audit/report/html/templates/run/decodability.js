// A prompt that is chosen in a chart is shown in the gallery.
document.getElementById("decodability").addEventListener("chart-click", (event) => {
  const id = event.detail.datum.prompt_id;
  if (id !== undefined) {
    document.dispatchEvent(new CustomEvent("show-prompt", { detail: { prompt_id: id } }));
  }
});
