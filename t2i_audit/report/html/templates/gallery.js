// The gallery: filters, sorts and shows a run's images.
//
// Ten thousand cards are too many for a document, so the list is cut into chunks of known height,
// and only those near what is on the screen are filled. Every row of cards has the height --row in
// page.css. The browser's IntersectionObserver says which chunks are near, so that no library of
// virtual scrolling is needed, and nothing is measured while the user scrolls.
const element = (id) => document.getElementById(id);
const data = JSON.parse(element("data-gallery").textContent);
const form = element("gallery-filters");
const list = element("gallery-list");
const view = element("gallery-view");
const onlyPrompt = element("gallery-prompt");

const SECTION = "gallery";
const ROWS = 4; // of cards in a chunk
const CARD_WIDTH = 10.5; // rem, at least
const STRIP_CARD_WIDTH = 12; // rem
const SMALL = 128; // pixels of an image in which each of them counts
const LONGEST_ALT = 300; // letters of a prompt that are read out with every image
const FEWEST = { verdict: 2, slot: 1, culprit: 1, type: 2, split: 2 }; // options that are a choice
// Sign, word and class of a verdict.
const VERDICTS = new Map([
  [true, ["✓", "right", "good"]],
  [false, ["✗", "wrong", "bad"]],
  [null, ["?", "undecided", "unsure"]],
]);
const MARKS = { "+": VERDICTS.get(true), "-": VERDICTS.get(false), "?": VERDICTS.get(null), ".": ["", "not judged", "quiet"] };

const rows = (fields, values) =>
  values.map((row) => Object.fromEntries(fields.map((name, place) => [name, row[place]])));
const prompts = rows(data.promptFields, data.prompts);
const images = rows(data.imageFields, data.images).map((image, index) => {
  const prompt = prompts[image.prompt];
  const wrong = prompt.parts.filter((part, place) => image.marks[place] === "-").map(([slot]) => slot);
  const verdicts = new Set([...image.others].filter((mark) => mark !== "?"));
  if (image.correct !== null) verdicts.add(image.correct ? "+" : "-");
  const picture = data.pictures[index];
  return { ...image, index, order: image.prompt, prompt, wrong, disputed: verdicts.size > 1, picture, place: 0 };
});
const byPrompt = new Map(prompts.map((prompt) => [prompt, []]));
for (const image of images) byPrompt.get(image.prompt).push(image);

// An image is blamed on its prompt's cause where it is wrong.
const culpritOf = (image) => (image.correct === false ? (image.prompt.cause ?? "not known") : "");
const ACCEPTS = {
  text: (image, text) => image.prompt.text.toLowerCase().includes(text.toLowerCase()),
  verdict: (image, verdict) => (verdict === "disputed" ? image.disputed : VERDICTS.get(image.correct)[1] === verdict),
  slot: (image, slot) => image.wrong.includes(slot),
  culprit: (image, culprit) => culpritOf(image) === culprit,
  type: (image, type) => image.prompt.type === type,
  split: (image, split) => image.prompt.split === split,
};
const inOrder = (one, other) => one.order - other.order || one.seed - other.seed;
// Images without a margin come last in both directions.
const byMargin = (sign) => (one, other) =>
  (one.margin === null) - (other.margin === null) || sign * (one.margin - other.margin) || inOrder(one, other);
const SORTS = {
  prompt: ["the suite’s order", inOrder],
  "smallest-margin": ["smallest margin first", byMargin(1)],
  "largest-margin": ["largest margin first", byMargin(-1)],
  seed: ["seed", (one, other) => one.seed - other.seed || inOrder(one, other)],
};

let promptShown = null; // the one prompt that a chart asked for
let shown = []; // groups of images: one image each, or all those of a prompt side by side
let matching = new Set();
let perRow = 1;

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Filters.

function fillOptions() {
  const found = (values) => [...new Set(values)].filter((value) => value).map((value) => [value, value]);
  const verdicts = [...VERDICTS].filter(([verdict]) => images.some((image) => image.correct === verdict));
  const choices = {
    verdict: verdicts.map(([, [, word]]) => [word, word]),
    slot: found(images.flatMap((image) => image.wrong)).sort(),
    culprit: found(images.map(culpritOf)),
    type: found(prompts.map((prompt) => prompt.type)),
    split: found(prompts.map((prompt) => prompt.split)).map(([split]) => [split, split.replace("_", " ")]),
  };
  if (images.some((image) => image.disputed)) choices.verdict.push(["disputed", "judges disagree"]);
  for (const [name, options] of Object.entries(choices)) {
    form.elements[name].append(...[["", "any"], ...options].map(optionOf));
    form.elements[name].parentElement.hidden = options.length < FEWEST[name];
  }
  form.elements.sort.append(...Object.entries(SORTS).map(([name, [text]]) => optionOf([name, text])));
  form.elements.view.append(...[["images", "one by one"], ["seeds", "side by side"]].map(optionOf));
}

const optionOf = ([value, textContent]) => make("option", { value, textContent });

const filters = () =>
  Object.entries(ACCEPTS)
    .map(([name, accepts]) => [accepts, form.elements[name].value])
    .filter(([, value]) => value);

function update() {
  const asked = filters();
  const found = images.filter(
    (image) => (!promptShown || image.prompt === promptShown) && asked.every(([accepts, value]) => accepts(image, value)),
  );
  found.sort(SORTS[form.elements.sort.value][1]);
  matching = new Set(found);
  const ofFound = [...new Set(found.map((image) => image.prompt))];
  shown = together() ? ofFound.map((prompt) => byPrompt.get(prompt)) : found.map((image) => [image]);
  shown.forEach((group, place) => group.forEach((image) => { image.place = place; }));
  onlyPrompt.hidden = !promptShown;
  onlyPrompt.querySelector("q").textContent = promptShown?.text ?? "";
  const count = (number, unit) => `${number.toLocaleString("en")} ${unit}${number === 1 ? "" : "s"}`;
  element("gallery-count").textContent =
    `${found.length.toLocaleString("en")} of ${count(images.length, "image")}, of ${count(ofFound.length, "prompt")}`;
  list.scrollTop = 0;
  layOut();
}

// The state of the filters in the address, so that what is shown can be passed on.

function toAddress() {
  const usual = (name) => form.elements[name].options?.[0].value ?? "";
  const state = new URLSearchParams([...new FormData(form)].filter(([name, value]) => value !== usual(name)));
  if (promptShown) state.set("prompt", promptShown.id);
  history.replaceState(null, "", `#${SECTION}${state.size ? `?${state}` : ""}`);
}

function fromAddress() {
  const [section, query] = location.hash.slice(1).split(/\?(.*)/s);
  if (section !== SECTION || query === undefined) return false;
  const state = new URLSearchParams(query);
  form.reset();
  for (const name of [...Object.keys(ACCEPTS), "sort", "view"]) {
    const { options } = form.elements[name];
    const value = state.get(name);
    if (value === null || (options && ![...options].some((option) => option.value === value))) continue;
    form.elements[name].value = value;
  }
  promptShown = prompts.find((prompt) => prompt.id === state.get("prompt")) ?? null;
  return true;
}

// The list.

const observer = new IntersectionObserver(
  (entries) => entries.forEach(({ target, isIntersecting }) => (isIntersecting ? fill(target) : clear(target))),
  { root: list, rootMargin: "100% 0px" },
);

const together = () => form.elements.view.value === "seeds";

// How many cards of a width in rem fit beside each other.
function fitting(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return Math.max(1, Math.floor(list.clientWidth / (width * rem)));
}

const columns = () => (together() ? 1 : fitting(CARD_WIDTH));

function layOut() {
  perRow = columns();
  list.style.setProperty("--columns", perRow);
  observer.disconnect();
  const chunks = [];
  for (let start = 0; start < shown.length; start += ROWS * perRow) {
    const chunk = make("div", { className: "gallery-chunk", role: "list" });
    chunk.dataset.start = start;
    const height = Math.ceil(Math.min(ROWS * perRow, shown.length - start) / perRow);
    chunk.style.setProperty("--rows", height);
    chunks.push(chunk);
  }
  list.replaceChildren(...chunks);
  chunks.forEach((chunk) => observer.observe(chunk));
}

function fill(chunk) {
  if (chunk.childElementCount) return;
  const start = Number(chunk.dataset.start);
  chunk.append(...shown.slice(start, start + ROWS * perRow).map(groupOf));
}

function clear(chunk) {
  if (!chunk.contains(document.activeElement)) chunk.replaceChildren();
}

const rowHeight = () => list.scrollHeight / Math.ceil(shown.length / perRow);

new ResizeObserver(() => {
  if (!shown.length || columns() === perRow) return;
  const first = Math.round(list.scrollTop / rowHeight()) * perRow;
  layOut();
  list.scrollTop = Math.floor(first / perRow) * rowHeight();
}).observe(list);

function groupOf(group) {
  if (!together()) return cardOf(group[0], true);
  const strip = make("div", { className: "gallery-strip", role: "list" }, ...group.map((image) => cardOf(image, false)));
  if (group.length > fitting(STRIP_CARD_WIDTH)) strip.tabIndex = 0; // It can be scrolled.
  const text = make("p", { className: "gallery-text" }, group[0].prompt.text);
  return make("div", { className: "gallery-group", role: "listitem" }, text, strip);
}

function cardOf(image, alone) {
  const [mark, word, tone] = VERDICTS.get(image.correct);
  const culprit = culpritOf(image);
  const facts = [`seed ${image.seed}`, data.judges[0]];
  if (image.margin !== null) facts.push(`margin ${short(image.margin)}`);
  if (image.disputed) facts.push("judges disagree");
  if (!matching.has(image)) facts.push("outside the filters");
  const button = make("button", { type: "button", className: "gallery-picture", tabIndex: -1 }, pictureOf(image));
  button.addEventListener("click", () => open(image));
  button.dataset.image = image.index;
  return make(
    "div",
    { className: "gallery-card", role: "listitem" },
    button,
    make("p", { className: `gallery-verdict ${tone}` }, `${mark} ${sentence(word)}${reasonOf(image)}`),
    alone ? make("p", { className: "gallery-text" }, ...markedText(image.prompt, image.marks)) : null,
    culprit ? make("p", {}, `Culprit: ${culprit}`) : null,
    make("p", { className: "quiet" }, facts.join(" · ")),
  );
}

const short = (number) => String(Number(number.toPrecision(3)));
const sentence = (text) => text[0].toUpperCase() + text.slice(1);

// What is wrong, or why nothing is decided.
function reasonOf(image) {
  if (image.correct === false && image.wrong.length) return `: ${image.wrong.join(", ")}`;
  return image.correct === null && image.flaw ? `: ${image.flaw}` : "";
}

function pictureOf(image) {
  if (!image.picture) {
    const why = image.picture === null ? "Picture left out of this page" : "File missing or damaged";
    return make("span", { className: "gallery-none" }, why);
  }
  const { text } = image.prompt;
  const told = text.length > LONGEST_ALT ? `${text.slice(0, LONGEST_ALT)}…` : text;
  const alt = `${told} (seed ${image.seed}): ${VERDICTS.get(image.correct)[1]}${reasonOf(image)}`;
  const picture = make("img", { alt, decoding: "async" });
  // What was smaller than a thumbnail is enlarged without smoothing, which would hide what is there.
  picture.addEventListener("load", () => {
    const side = Math.max(picture.naturalWidth, picture.naturalHeight);
    picture.classList.toggle("small", side < Math.min(data.side, SMALL));
  });
  picture.src = `data:image/webp;base64,${image.picture}`;
  return picture;
}

// The prompt with a mark after the words of each constituent.
function markedText(prompt, marks) {
  const letters = [...prompt.text]; // the places of parts count code points
  const pieces = [];
  let at = 0;
  const parts = prompt.parts.map(([, , start, end], place) => ({ start, end, mark: marks[place] ?? "." }));
  for (const { start, end, mark } of parts.sort((one, other) => one.start - other.start)) {
    if (start < at || mark === ".") continue;
    pieces.push(letters.slice(at, start).join(""), marked(letters.slice(start, end).join(""), mark));
    at = end;
  }
  return [...pieces, letters.slice(at).join("")];
}

function marked(text, mark) {
  const [sign, word, tone] = MARKS[mark];
  const spoken = make("span", { className: "gallery-spoken" }, ` (${word})`);
  return make("span", { className: `gallery-part ${tone}` }, text, make("span", { ariaHidden: "true" }, sign), spoken);
}

// By keyboard.

function focusOn(group, place) {
  const image = shown[group]?.[Math.min(place, shown[group].length - 1)];
  if (!image) return;
  const chunk = list.children[Math.floor(group / (ROWS * perRow))];
  fill(chunk);
  const button = chunk.querySelector(`[data-image="${image.index}"]`);
  button.focus({ preventScroll: true });
  button.closest("[role=listitem]").scrollIntoView({ block: "nearest", inline: "nearest" });
}

list.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const button = event.target.closest("[data-image]") ?? event.target.closest(".gallery-strip")?.querySelector("[data-image]");
  const image = images[button?.dataset.image];
  const group = image ? image.place : Math.ceil(list.scrollTop / rowHeight() - 0.5) * perRow;
  const place = image ? shown[group].indexOf(image) : 0;
  const to = {
    ArrowLeft: together() ? [group, Math.max(0, place - 1)] : [group - 1, 0],
    ArrowRight: together() ? [group, place + 1] : [group + 1, 0],
    ArrowUp: [group - perRow, place],
    ArrowDown: [group + perRow, place],
    Home: [0, 0],
    End: [shown.length - 1, 0],
  }[event.key];
  if (!to) return;
  event.preventDefault();
  // From outside the cards, the first key leads to the first that is on the screen.
  focusOn(...(image || event.key === "Home" || event.key === "End" ? to : [group, 0]));
});

// The larger view of one image.

let order = []; // the images that are shown, one after the other
let at = 0; // where in `order` the view is; another seed of that image may be looked at

function open(image) {
  order = shown.flat();
  const place = order.indexOf(image);
  if (place >= 0) at = place;
  const where = `image ${(at + 1).toLocaleString("en")} of ${order.length.toLocaleString("en")}`;
  element("gallery-view-heading").textContent = place < 0 ? `Another seed of ${where}` : sentence(where);
  for (const button of view.querySelectorAll("[data-step]")) {
    button.disabled = !order[at + Number(button.dataset.step)];
  }
  element("gallery-view-content").replaceChildren(pictureOf(image), detailsOf(image));
  if (!view.open) view.showModal();
  // Keys reach the dialog only while something in it has the focus.
  const { activeElement } = document;
  if (!view.contains(activeElement) || activeElement.disabled) element("gallery-view-heading").focus();
  view.scrollTop = 0;
}

function step(by) {
  if (order[at + by]) open(order[at + by]);
}

function detailsOf(image) {
  const { prompt } = image;
  const [mark, word, tone] = VERDICTS.get(image.correct);
  const others = data.judges.slice(1).map((judge, place) => `${judge}: ${MARKS[image.others[place]][1]}`);
  const facts = [
    ["Verdict", make("span", { className: tone }, `${mark} ${sentence(word)}${reasonOf(image)}`)],
    ["Judge", data.judges[0]],
    ["Other judges", others.join(", ")],
    ["The judge found", foundIn(image)],
    ["Margin", image.margin === null ? "" : short(image.margin)],
    ["Culprit", culpritOf(image) + (image.correct === false && prompt.detail ? ` (${prompt.detail})` : "")],
    ["Type", prompt.type],
    ["Split", prompt.split?.replace("_", " ") ?? ""],
    ["Seed", String(image.seed)],
    ["File", image.file],
  ].filter(([, value]) => value !== "");
  const terms = facts.flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", {}, value)]);
  return make(
    "div",
    {},
    make("p", { className: "gallery-prompt" }, ...markedText(prompt, image.marks)),
    make("dl", {}, ...terms),
    partsOf(image),
    foilsOf(prompt),
    seedsOf(image),
  );
}

function foundIn({ chosen, prompt }) {
  if (typeof chosen === "string") return chosen;
  return chosen < 0 ? `${prompt.text} (the prompt)` : `${prompt.foils[chosen][1]} (a foil)`;
}

function foilsOf({ foils }) {
  if (!foils.length) return null;
  const items = foils.map(([change, text]) =>
    make("li", {}, text, make("span", { className: "quiet" }, ` (${change.replaceAll("_", " ")})`)),
  );
  return make("div", {}, make("h4", { textContent: "Foils" }), make("ul", {}, ...items));
}

function partsOf({ prompt, marks }) {
  if (!prompt.parts.length) return null;
  const body = prompt.parts.map(([slot, value, , , read], place) => {
    const [sign, word, tone] = MARKS[marks[place]];
    const numbers = read.map((probability) => (probability === null ? "not read" : probability.toFixed(2)));
    return make(
      "tr",
      {},
      make("th", { scope: "row", textContent: slot }),
      make("td", { textContent: value }),
      make("td", { className: tone, textContent: `${sign} ${word}` }),
      ...numbers.map((textContent) => make("td", { className: "number", textContent })),
    );
  });
  const names = ["Constituent", "Value", "Drawn", ...data.stations.map(sentence)];
  const head = make("tr", {}, ...names.map((textContent) => make("th", { scope: "col", textContent })));
  const caption = make("caption", {
    textContent: "Constituents, and the probability with which a probe decodes each at each station",
  });
  const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: "Constituents" }, table);
}

function seedsOf(image) {
  const others = byPrompt.get(image.prompt).filter((other) => other !== image);
  if (!others.length) return null;
  const buttons = others.map((other) => {
    const [mark, word] = VERDICTS.get(other.correct);
    const text = make("span", {}, `seed ${other.seed} ${mark} ${word}`);
    const button = make("button", { type: "button", className: "gallery-seed" }, pictureOf(other), text);
    button.addEventListener("click", () => open(other));
    return button;
  });
  const heading = make("h4", { textContent: "The same prompt with other seeds" });
  return make("div", {}, heading, make("div", { className: "gallery-seeds" }, ...buttons));
}

view.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.target.closest(".wide") || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  step(by);
});
view.addEventListener("click", (event) => {
  const { step: by, close } = event.target.dataset;
  if (by) step(Number(by));
  if (close !== undefined || event.target === view) view.close();
});
view.addEventListener("close", () => {
  const image = order[at];
  // The list may have been filtered between the closing and this event.
  const place = shown[image.place]?.indexOf(image);
  if (place >= 0) focusOn(image.place, place);
});

function show(prompt) {
  promptShown = prompt;
  update();
  toAddress();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => show(promptShown));
element("gallery-reset").addEventListener("click", () => {
  form.reset();
  show(null);
});
onlyPrompt.querySelector("button").addEventListener("click", () => {
  show(null);
  list.focus();
});
document.addEventListener("show-prompt", ({ detail }) => {
  const prompt = prompts.find(({ id }) => id === detail.prompt_id);
  if (!prompt) return;
  form.reset();
  show(prompt);
  onlyPrompt.scrollIntoView();
  list.focus({ preventScroll: true });
});
window.addEventListener("hashchange", () => {
  if (fromAddress()) update();
});

fillOptions();
if (fromAddress()) element(SECTION).scrollIntoView();
update();
