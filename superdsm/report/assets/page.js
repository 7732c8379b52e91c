"use strict";
// Everything shown comes from the JSON of the page, by textContent: a file name is never read as HTML.
(() => {
  const PAGE = 200;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { images, columns, tasks, rules } = data;
  const byId = (id) => document.getElementById(id);
  const state = { page: 0, sort: null, down: true, gallery: false, shown: [], row: -1, view: -1, mode: 0, zoom: 0 };
  const LABELS = { overlay: "contours", image: "image", graph: "atoms", errors: "errors", thumbnail: "thumbnail" };

  function make(tag, parent, text, className) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    if (parent) parent.append(node);
    return node;
  }

  function format(value, digits) {
    if (value === null || value === undefined) return "";
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
  }

  // What is shown: filters, order, page.
  const worst = (image) => (image.flags.length ? image.flags[0].severity * 100 + image.flags.length : -1);

  function key(image) {
    if (state.sort === null) return worst(image);
    if (state.sort === "id") return image.id;
    return image.values[state.sort];
  }

  function compare(one, other) {
    const first = key(images[one]), second = key(images[other]);
    const known = (value) => value !== null && value !== undefined;
    if (!known(first) || !known(second)) return known(second) - known(first) || one - other;  // unknown ones last
    let order = typeof first === "string" ? first.localeCompare(second, "en", { numeric: true }) : first - second;
    return (state.down ? -order : order) || one - other;
  }

  function select() {
    const text = byId("find").value.toLowerCase(), rule = byId("rule").value;
    const task = byId("task") ? byId("task").value : "";
    state.shown = [];
    images.forEach((image, index) => {
      if (task !== "" && image.task !== Number(task)) return;
      if (rule === "*" && !image.flags.length) return;
      if (rule && rule !== "*" && !image.flags.some((flag) => flag.rule === rule)) return;
      const words = () => [image.id, image.remark, image.well, ...image.flags.map((flag) => flag.text)].join(" ");
      if (text && !words().toLowerCase().includes(text)) return;
      state.shown.push(index);
    });
    state.shown.sort(compare);
    state.page = 0;
    state.row = -1;
    draw();
  }

  function draw() {
    const here = byId("images"), first = state.page * PAGE;
    here.replaceChildren();
    (state.gallery ? gallery : table)(here, state.shown.slice(first, first + PAGE));
    byId("shown").textContent = `${state.shown.length} of ${images.length} images`;
    pages();
  }

  function pages() {
    const nav = byId("pages"), count = Math.ceil(state.shown.length / PAGE);
    nav.replaceChildren();
    for (let page = 0; count > 1 && page < count; page++) {
      const button = make("button", nav, String(page + 1));
      button.type = "button";
      button.setAttribute("aria-pressed", String(page === state.page));
      button.addEventListener("click", () => { state.page = page; state.row = -1; draw(); });
    }
  }

  function kind(image) {
    return image.status === "failed" ? "failed" : image.flags.length ? "flagged" : "";
  }

  function opens(node, index) {
    node.dataset.image = index;
    node.tabIndex = 0;
  }

  function heading(row, label, name, isNumber) {
    const cell = make("th", row, undefined, isNumber ? "number" : "");
    const button = make("button", cell, label + (state.sort === name ? (state.down ? " \u25be" : " \u25b4") : ""));
    cell.setAttribute("aria-sort", state.sort !== name ? "none" : state.down ? "descending" : "ascending");
    button.type = "button";
    button.dataset.sort = name === null ? "" : name;
    button.addEventListener("click", () => {
      state.down = state.sort === name ? !state.down : isNumber || name === null;
      state.sort = name;
      select();
      document.querySelector(`[data-sort="${CSS.escape(name === null ? "" : name)}"]`).focus();
    });
  }

  function table(parent, indices) {
    const node = make("table", parent), head = make("tr", make("thead", node)), body = make("tbody", node);
    heading(head, "image", "id", false);
    if (tasks.length > 1) make("th", head, "task");
    for (const column of columns) heading(head, column.label, column.name, true);
    heading(head, "remarks", null, false);
    for (const index of indices) {
      const image = images[index], row = make("tr", body, undefined, kind(image));
      opens(row, index);
      make("td", row, image.id);
      if (tasks.length > 1) make("td", row, tasks[image.task]);
      for (const column of columns) make("td", row, format(image.values[column.name], column.digits), "number");
      make("td", row, remarks(image), "words");
    }
  }

  function remarks(image) {
    const texts = image.flags.map((flag) => flag.text);
    return [...texts, ...(texts.some((text) => text.includes(image.remark)) ? [] : [image.remark])].join("; ");
  }

  function gallery(parent, indices) {
    const node = make("div", parent, undefined, "gallery");
    for (const index of indices) {
      const image = images[index], tile = make("div", node, undefined, "tile " + kind(image));
      opens(tile, index);
      if (image.thumbnail) {
        const picture = make("img", tile);
        picture.loading = "lazy";
        picture.alt = "";
        picture.src = image.thumbnail;
      } else make("span", tile, "no picture", "blank");
      make("b", tile, image.id);
      make("div", tile, image.flags.map((flag) => flag.text).join("; "), "quiet");
    }
  }

  // The view of an image.
  const stage = byId("stage"), picture = byId("picture");

  function views(image) {
    const all = { ...image.views };
    if (image.thumbnail) all.thumbnail = image.thumbnail;
    if (Object.keys(all).length > 1) delete all.thumbnail;
    return Object.entries(all);
  }

  function show(index) {
    const image = images[index], modes = views(image), group = byId("view-modes");
    state.view = index;
    state.mode = Math.min(state.mode, Math.max(0, modes.length - 1));
    byId("view-title").textContent = image.id + (tasks.length > 1 ? ` (${tasks[image.task]})` : "");
    group.replaceChildren();
    modes.forEach(([name], mode) => {
      const button = make("button", group, `${mode + 1} ${LABELS[name] || name}`);
      button.type = "button";
      button.setAttribute("aria-pressed", String(mode === state.mode));
      button.addEventListener("click", () => { state.mode = mode; show(index); });
    });
    picture.hidden = !modes.length;
    if (modes.length) picture.src = modes[state.mode][1];
    facts(image);
    if (!byId("view").open) byId("view").showModal();
    zoom(state.zoom);
  }

  function facts(image) {
    const here = byId("facts");
    here.replaceChildren();
    for (const flag of image.flags) make("p", here, flag.text, "flag " + flag.rule).title = rules[flag.rule] || "";
    const known = columns.filter((column) => image.values[column.name] !== null && image.values[column.name] !== undefined);
    make("p", here, known.map((column) => `${column.label} ${format(image.values[column.name], column.digits)}`).join(", "));
    const left = Object.entries(image.discarded).map(([reason, count]) => `${count} ${reason.replaceAll("_", " ")}`);
    if (left.length) make("p", here, `left out: ${left.join(", ")}`);
    if (image.remark && !image.flags.some((flag) => flag.text.includes(image.remark))) make("p", here, image.remark);
    make("p", here, image.source, "quiet");
  }

  function zoom(factor) {
    state.zoom = factor;
    const width = picture.naturalWidth, height = picture.naturalHeight;
    if (!width) return;
    const fit = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    const size = width * (factor || fit);
    const middle = [(stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth, (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight];
    picture.width = Math.round(size);
    picture.height = Math.round(size * height / width);
    stage.scrollLeft = middle[0] * stage.scrollWidth - stage.clientWidth / 2;
    stage.scrollTop = middle[1] * stage.scrollHeight - stage.clientHeight / 2;
  }

  function zoomBy(step) {
    if (!step) return zoom(0);
    const now = picture.width / picture.naturalWidth;
    zoom(Math.min(40, Math.max(0.05, now * step)));
  }

  function move(step) {
    const list = state.shown.includes(state.view) ? state.shown : images.map((_, index) => index);
    const next = list[list.indexOf(state.view) + step];
    if (next !== undefined) show(next);
  }

  picture.addEventListener("load", () => zoom(state.zoom));
  stage.addEventListener("wheel", (event) => { event.preventDefault(); zoomBy(event.deltaY < 0 ? 1.25 : 0.8); }, { passive: false });
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); event.preventDefault(); stage.focus(); });
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    stage.scrollLeft -= event.movementX;
    stage.scrollTop -= event.movementY;
  });
  byId("view").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.step) move(Number(button.dataset.step));
    if (button.dataset.zoom) zoomBy(Number(button.dataset.zoom));
    if (button.id === "view-close") byId("view").close();
  });

  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-image]");
    if (place) show(Number(place.dataset.image));
  });

  function keyInView(name) {
    const modes = views(images[state.view]);
    if (name >= "1" && name <= String(modes.length)) { state.mode = Number(name) - 1; show(state.view); }
    else if (name === "ArrowRight" || name === "j") move(1);
    else if (name === "ArrowLeft" || name === "k") move(-1);
    else if (name === "+" || name === "=") zoomBy(1.25);
    else if (name === "-") zoomBy(0.8);
    else if (name === "0") zoomBy(0);
    else return false;
    return true;
  }

  function keyOnPage(name, target) {
    const rows = [...byId("images").querySelectorAll("[data-image]")];
    if (name === "/") byId("find").focus();
    else if ((name === "j" || name === "k") && rows.length) {
      state.row = Math.min(rows.length - 1, Math.max(0, state.row + (name === "j" ? 1 : -1)));
      rows[state.row].focus();
    } else if (name === "Enter" && target.dataset && target.dataset.image !== undefined) show(Number(target.dataset.image));
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    const writing = /^(INPUT|SELECT)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (writing) { if (event.key === "Escape") event.target.blur(); return; }
    const done = byId("view").open ? keyInView(event.key) : keyOnPage(event.key, event.target);
    if (done) event.preventDefault();
  });

  function asGallery(yes) {
    state.gallery = yes;
    byId("as-table").setAttribute("aria-pressed", String(!yes));
    byId("as-gallery").setAttribute("aria-pressed", String(yes));
    draw();
  }

  byId("as-table").addEventListener("click", () => asGallery(false));
  byId("as-gallery").addEventListener("click", () => asGallery(true));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["find", "task", "rule"]) if (byId(id)) byId(id).addEventListener("input", select);
  window.addEventListener("resize", () => byId("view").open && !state.zoom && zoom(0));
  select();
})();
