// Draws the page's charts in its own colours. A chart inside closed details is drawn when they open.
// A click on a mark is sent as the event "chart-click" with the chart's id and the mark's data.
const specifications = JSON.parse(document.getElementById("charts").textContent);

// SVG takes the page's variables as they are, and so follows the theme and the printer by itself.
// A canvas needs colours, and is drawn again when they change.
const variable = (name) => `var(${name})`;
const current = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function theme(colour) {
  const text = colour("--text");
  const line = colour("--line");
  const axis = { labelColor: text, titleColor: text, domainColor: line, tickColor: line, gridColor: line };
  return {
    background: "transparent",
    font: getComputedStyle(document.documentElement).fontFamily,
    axis: { ...axis, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, titleFontSize: 12 },
    header: { labelColor: text, titleColor: text },
    title: { color: text },
    mark: { color: colour("--accent") },
    text: { color: text },
    rule: { color: text },
    view: { stroke: null },
    range: { category: [1, 2, 3, 4, 5, 6].map((number) => colour(`--category-${number}`)) },
  };
}

function isCanvas(place) {
  return specifications[place.dataset.chart].usermeta?.embedOptions?.renderer === "canvas";
}

async function draw(place) {
  const id = place.dataset.chart;
  const shown = await window.vegaEmbed(place, specifications[id], {
    ast: true, // Vega would otherwise compile expressions, which the page's policy forbids.
    actions: false,
    renderer: "svg",
    config: theme(isCanvas(place) ? current : variable),
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  });
  shown.view.addEventListener("click", (event, item) => {
    if (item?.datum) {
      place.dispatchEvent(new CustomEvent("chart-click", { bubbles: true, detail: { id, datum: item.datum } }));
    }
  });
  place.dataset.drawn = "yes";
}

const places = [...document.querySelectorAll("[data-chart]")];
for (const place of places) {
  const closed = place.closest("details:not([open])");
  if (closed) closed.addEventListener("toggle", () => draw(place), { once: true });
  else draw(place);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of places.filter(isCanvas)) if (place.dataset.drawn) draw(place);
});
