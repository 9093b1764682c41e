// Sorts tables by the column whose heading is pressed, and leads from a mark to its run's page.
const order = new Intl.Collator("en", { numeric: true });

function compare(one, other, isNumeric) {
  return isNumeric ? Number(one) - Number(other) : order.compare(one, other);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const status = document.getElementById(table.dataset.status);
  const first = [...body.rows];
  headings.forEach((heading, column) => {
    heading.firstElementChild.addEventListener("click", () => {
      const isNumeric = heading.classList.contains("number");
      const before = heading.getAttribute("aria-sort");
      const once = heading.dataset.first;
      const twice = once === "ascending" ? "descending" : "ascending";
      const direction = before === once ? twice : once;
      const sign = direction === "ascending" ? 1 : -1;
      const key = (row) => row.cells[column].dataset.key;
      const known = first.filter((row) => key(row) !== undefined);
      const unknown = first.filter((row) => key(row) === undefined);
      known.sort((one, other) => sign * compare(key(one), key(other), isNumeric));
      body.append(...known, ...unknown);
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      status.textContent = `Sorted by ${heading.textContent}, ${direction}.`;
    });
  });
}

document.addEventListener("chart-click", (event) => {
  if (event.detail.datum.link) location.href = event.detail.datum.link;
});
