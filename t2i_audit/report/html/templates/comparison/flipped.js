// Shows the pairs of images that the filter leaves, some at a time.
{
  const SMALL = 128; // pixels
  const section = document.getElementById("flipped");
  const step = JSON.parse(document.getElementById("data-flipped").textContent);
  const form = document.getElementById("flipped-filter");
  const more = document.getElementById("flipped-more");
  const pairs = [...section.querySelectorAll(".flips > li")].map((item) => ({
    item,
    direction: item.dataset.direction,
    text: item.querySelector(".prompt").textContent.toLowerCase(),
  }));
  let most = step;

  function show() {
    const direction = form.elements.direction.value;
    const text = form.elements.text.value.trim().toLowerCase();
    let found = 0;
    for (const pair of pairs) {
      const fits = (!direction || pair.direction === direction) && pair.text.includes(text);
      pair.item.hidden = !fits || found >= most;
      found += fits;
    }
    const shown = Math.min(found, most);
    form.querySelector("output").textContent = `${shown} of ${found} pairs shown`;
    more.hidden = shown === found;
  }

  const visible = () => pairs.filter((pair) => !pair.item.hidden);

  form.addEventListener("input", () => {
    most = step;
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const next = visible().length;
    most += step;
    show();
    // The button may be gone; whoever works with the keyboard goes on at the first new pair.
    const first = visible()[next].item;
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });
  // What is smaller than its place is enlarged without smoothing, which would hide what is there.
  const sharpen = (image) => image.classList.toggle("small", image.naturalWidth < SMALL);
  for (const image of section.querySelectorAll("img")) {
    if (image.complete && image.naturalWidth) sharpen(image);
    else image.addEventListener("load", () => sharpen(image), { once: true });
  }
  show();
}
