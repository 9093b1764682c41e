// Draws the page's charts in its own colours, and again when light turns to dark. A click on a mark
// is sent as the event "chart-click" with the chart's id and the mark's data.
const specifications = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const printing = matchMedia("print");

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const text = colour("--text");
  const grid = colour("--line");
  const axis = { labelColor: text, titleColor: text, domainColor: grid, tickColor: grid, gridColor: grid };
  return {
    background: "transparent",
    font: style.fontFamily,
    axis: { ...axis, labelFontSize: 12, titleFontSize: 12 },
    legend: { labelColor: text, titleColor: text },
    header: { labelColor: text, titleColor: text },
    title: { color: text },
    text: { color: text },
    rule: { color: text },
    mark: { color: colour("--accent") },
    view: { stroke: null },
    range: { category: [1, 2, 3, 4, 5, 6].map((number) => colour(`--category-${number}`)) },
  };
}

async function draw(place) {
  const id = place.dataset.chart;
  const shown = await window.vegaEmbed(place, specifications[id], {
    ast: true, // Vega would otherwise compile expressions, which the page's policy forbids.
    actions: false,
    renderer: "svg",
    config: theme(),
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

function drawAll() {
  for (const place of document.querySelectorAll("[data-chart]")) draw(place);
}

dark.addEventListener("change", drawAll);
printing.addEventListener("change", drawAll);
drawAll();
