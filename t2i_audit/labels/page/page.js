"use strict";
(() => {
  const { key, columns, items } = JSON.parse(document.getElementById("data").textContent);
  const ANSWERS = [["y", "yes"], ["n", "no"], ["c", "cannot tell"]];
  const STORE = `t2i-audit-labels-${key}`;
  const element = (id) => document.getElementById(id);

  // `answers` has a list for each image, one entry a question; `done` is what undo takes back.
  const fresh = () => ({
    rater: "", at: 0, asked: 0, done: [],
    answers: items.map((item) => item.questions.map(() => null)),
  });
  let state = fresh();

  const restore = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(STORE));
      if (kept && kept.answers.length === items.length) state = kept;
    } catch {
      say("This browser keeps nothing for this page: save the table before you close it.");
    }
  };

  const keep = () => {
    try {
      localStorage.setItem(STORE, JSON.stringify(state));
    } catch {
      say("This browser keeps nothing for this page: save the table before you close it.");
    }
  };

  const say = (text) => { element("message").textContent = text; };
  const isComplete = (answers) => answers.every((answer) => answer !== null);
  const firstOpen = (answers) => Math.max(0, answers.indexOf(null));

  const show = () => {
    const started = state.rater !== "";
    element("start").hidden = started;
    element("work").hidden = !started;
    const complete = state.answers.filter(isComplete).length;
    element("progress").max = items.length;
    element("progress").value = complete;
    element("progress-text").textContent = `${complete} of ${items.length} images labelled`;
    if (!started) return;
    const item = items[state.at];
    const image = element("image");
    image.src = item.source;
    image.alt = `Image ${state.at + 1} of ${items.length}`;
    element("prompt").textContent = item.prompt;
    const hadFocus = element("questions").contains(document.activeElement);
    element("questions").replaceChildren(...item.questions.map(questionRow));
    // Whoever works with Tab and Enter goes on at the question that is asked now.
    if (hadFocus) element("questions").children[state.asked].querySelector("button").focus();
    element("undo").disabled = state.done.length === 0;
    element("previous").disabled = state.at === 0;
    element("next").disabled = state.at === items.length - 1;
  };

  const questionRow = (question, index) => {
    const row = document.createElement("li");
    const text = document.createElement("p");
    text.id = `question-${index}`;
    text.textContent = question.text;
    const buttons = document.createElement("div");
    buttons.className = "buttons";
    buttons.setAttribute("role", "group");
    buttons.setAttribute("aria-labelledby", text.id);
    for (const [, answer] of ANSWERS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = answer[0].toUpperCase() + answer.slice(1);
      button.setAttribute("aria-pressed", state.answers[state.at][index] === answer);
      button.addEventListener("click", () => { state.asked = index; give(answer); });
      buttons.append(button);
    }
    row.setAttribute("aria-current", index === state.asked);
    row.append(text, buttons);
    return row;
  };

  const give = (answer) => {
    const own = state.answers[state.at];
    state.done.push([state.at, state.asked, own[state.asked]]);
    own[state.asked] = answer;
    say("");
    if (!isComplete(own)) {
      const open = own.indexOf(null, state.asked);
      state.asked = open < 0 ? own.indexOf(null) : open;
    } else if (state.answers.every(isComplete)) {
      say("All images are labelled. Press S to save the table.");
    } else {
      // The next image with an open question, from here on and then from the start.
      const order = items.map((_, step) => (state.at + 1 + step) % items.length);
      go(order.find((index) => !isComplete(state.answers[index])));
    }
    keep();
    show();
  };

  const go = (index) => {
    if (index < 0 || index >= items.length) return;
    state.at = index;
    state.asked = firstOpen(state.answers[index]);
  };

  const move = (step) => { say(""); go(state.at + step); keep(); show(); };

  const ask = (step) => {
    const count = items[state.at].questions.length;
    state.asked = (state.asked + step + count) % count;
    keep();
    show();
  };

  const undo = () => {
    const last = state.done.pop();
    if (!last) return;
    [state.at, state.asked] = last;
    state.answers[last[0]][last[1]] = last[2];
    say("The last answer is taken back.");
    keep();
    show();
  };

  const cell = (value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  const table = () => {
    const lines = [columns];
    items.forEach((item, index) => {
      if (state.answers[index].every((answer) => answer === null)) return;
      const { image, prompt_id, seed, image_sha256, weight } = item;
      const row = { image, prompt_id, seed, image_sha256, weight, rater: state.rater };
      item.questions.forEach((question, place) => {
        for (const column of question.columns) row[column] = state.answers[index][place] ?? "";
      });
      lines.push(columns.map((column) => row[column] ?? ""));
    });
    return lines.map((line) => line.map(cell).join(",") + "\n").join("");
  };

  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    link.download = `labels-${state.rater.replace(/[^\p{L}\p{N}_-]+/gu, "-")}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
    say(`Saved as ${link.download}.`);
  };

  const KEYS = {
    u: undo, backspace: undo, s: save,
    arrowleft: () => move(-1), arrowright: () => move(1),
    arrowup: () => ask(-1), arrowdown: () => ask(1),
    ...Object.fromEntries(ANSWERS.map(([name, answer]) => [name, () => give(answer)])),
  };

  document.addEventListener("keydown", (event) => {
    if (state.rater === "" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const act = KEYS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  element("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = element("rater").value.trim();
    if (!name) return;
    state.rater = name;
    element("rater").blur();
    keep();
    show();
  });
  element("image").addEventListener("load", (event) => {
    event.target.classList.toggle("small", event.target.naturalWidth < 256);
  });
  element("undo").addEventListener("click", undo);
  element("previous").addEventListener("click", () => move(-1));
  element("next").addEventListener("click", () => move(1));
  element("save").addEventListener("click", save);

  restore();
  show();
  // The attribute `autofocus` would take effect some time later, and lose what is typed before.
  if (state.rater === "") element("rater").focus();
})();
