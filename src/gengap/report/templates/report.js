"use strict";
// Draws the charts of a study's page.
//
// All that is drawn comes from the JSON document in <main id="report"> and from `state`: what the reader switched. So a
// live page may put a new <main> in the old one's place and call gengapDraw(): the charts come back as they were left.

const state = {
  group: "", metric: "", train: true, validation: true, smoothing: 0,
  log: null, // until the reader says so: where one run is much longer than most
  at: null, // the epoch that is read; null for each run's best
  ruled: false, // whether a line marks it: a mouse has its own
  hidden: new Set(),
};
const REACH = 3, EPOCHS_PER_STD = 10; // as in gengap.report.plots
const ABOVE = 0.4, MARGIN = 0.1, WILD_START = 2, FLAT = 1e-3; // as in gengap.report.plots
const MUCH = 5; // times the middle run's epochs, from which on a logarithmic axis is shown
const CHANCE = 0.1; // the level of intervals and p-values
const COLOURS = 7, SYMBOLS = ["", "circle", "square", "triangle-up", "diamond", "triangle-down"];
const SPLITS = ["train", "validation"], DASH = { train: "solid", validation: "dash" };
const MARGINS = { l: 56, r: 12, t: 12, b: 48 }, FONT_SIZE = 13;
const PRINT_WIDTH = 680; // pixels that fit a page of A4 or Letter
const PRINT_HEIGHT = 270; // a chart fits below the table of a few trials
let data = null, printing = false;

const say = (id) => data.labels[id];
// plotly reads a few HTML tags in its texts; names are no markup.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const digits = (value) => (value === null || value === undefined ? "–" : shortest(value).replaceAll("-", "−"));
const shortest = (value) => (0 < Math.abs(value) && Math.abs(value) < 1e-4 ? value.toExponential(1) : value.toPrecision(4));
const series = ({ values, epochs }) => ({ values, epochs: epochs ?? values.map((_, i) => i + 1) });

// Each value's mean with those before it, weighted by half a Gaussian over epochs; null is a gap and stays one. A value
// may be the mean of several: it counts as often, but where it is smoothed itself without those after its middle.
function smooth(epochs, values, width, counts = values.map(() => 1)) {
  return values.map((value, i) => {
    const std = Math.min(width, (epochs[i] - 1) / EPOCHS_PER_STD);
    let weights = (counts[i] + 1) / 2, total = weights * value;
    for (let j = i - 1; value !== null && j >= 0 && epochs[i] - epochs[j] <= REACH * std; j--) {
      if (values[j] === null) continue;
      const weight = counts[j] * Math.exp(-0.5 * ((epochs[i] - epochs[j]) / std) ** 2);
      total += weight * values[j];
      weights += weight;
    }
    return value === null ? null : total / weights;
  });
}

// The last value up to an epoch, or the mean that is nearest; null once the run had ended.
function valueAt(curve, epoch) {
  if (curve.exact?.[0] === epoch) return curve.exact[1];
  const { epochs, values } = series(curve);
  let i = epochs.findLastIndex((each) => each <= epoch);
  if (curve.counts && epochs[i + 1] - epoch < epoch - epochs[i]) i++;
  return i < 0 || epoch > epochs.at(-1) ? null : values[i];
}

// A colour of the theme, in the notation that plotly understands.
const probe = document.body.appendChild(Object.assign(document.createElement("span"), { hidden: true }));
function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

// ---------------------------------------------------------------------------------------------------------------------
// The curves

const shownRuns = () => (data.groups[state.group] ?? []).map((each, i) => ({ ...each, look: i }));

function curvesChart(width) {
  const traces = [], shapes = [];
  const runs = shownRuns().filter(({ run }) => !state.hidden.has(run));
  for (const { run, name, look } of runs) {
    const { best, onset, metrics } = data.curves[run];
    const color = colour(`--run-${look % COLOURS}`), symbol = SYMBOLS[Math.floor(look / COLOURS) % SYMBOLS.length];
    for (const split of SPLITS) {
      const curve = (metrics[state.metric] ?? {})[split];
      if (!state[split] || !curve) continue;
      const { epochs, values } = series(curve);
      const common = { name: plain(name), mode: "lines", hoverinfo: "none" };
      const trace = (kind, x, y, more) => traces.push({ ...common, x, y, ...more, meta: { run, kind } });
      const logged = series(curve.logged ?? curve), faint = { line: { color, width: 1 }, opacity: 0.25 };
      const differs = split === "validation" && (state.smoothing > 0 || curve.logged);
      if (differs) trace("logged", logged.epochs, logged.values, faint);
      const marker = { symbol: symbol || "circle", color, size: 7, maxdisplayed: 8 };
      const line = { color, width: 2, dash: DASH[split] };
      const smoothed = smooth(epochs, values, state.smoothing, curve.counts);
      trace(split, epochs, smoothed, { line, marker, mode: symbol || epochs.length === 1 ? "lines+markers" : "lines" });
      const lowest = split === "validation" && best !== null ? valueAt(curve, best) : null;
      const dot = { color, size: 10, line: { color: colour("--paper"), width: 1.5 } };
      if (lowest !== null) trace("best", [best], [lowest], { mode: "markers", marker: dot });
    }
    if (onset && state.validation) shapes.push(...bands(onset, color, shapes.length / 2));
  }
  if (state.ruled) shapes.push(upright(state.at));
  const last = Math.max(2, ...runs.map(({ run }) => data.curves[run].epochs));
  const xaxis = state.log ? logEpochs(last, width) : { title: { text: say("page-epoch") }, rangemode: "tozero" };
  const height = heightOf(runs, traces);
  const yaxis = { title: { text: plain(metricName(state.metric)), standoff: 8 }, automargin: true, ...height };
  if (height.range) traces.push(...traces.flatMap((trace) => aboveTop(trace, height.range[1])));
  const empty = { text: say("page-nothing-selected"), xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false };
  const annotations = traces.length ? [] : [empty];
  const spike = { showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: colour("--muted") };
  return { traces, layout: { hovermode: "x", showlegend: false, shapes, annotations, xaxis: { ...xaxis, ...spike }, yaxis } };
}

// Where a run's validation may have turned: a faint band, and a strong bar at its foot, above those of other runs.
const bands = ([x0, x1], fillcolor, place) =>
  [[0, 1, 0.06, "below"], [0.02 * place, 0.02 * place + 0.014, 0.9, "above"]].map(([y0, y1, opacity, layer]) => ({
    type: "rect", x0, x1, yref: "paper", y0, y1, fillcolor, opacity, line: { width: 0 }, layer,
  }));
const upright = (x) => ({
  type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: colour("--muted"), width: 1, dash: "dot" },
});

function logEpochs(last, width) {
  const ticks = [], steps = width < 500 ? [1] : [1, 2, 5];
  for (let tens = 1; tens <= last; tens *= 10) ticks.push(...steps.map((i) => i * tens).filter((e) => e <= last));
  const text = ticks.map((epoch) => epoch.toLocaleString("en"));
  return { title: { text: say("page-epoch-log") }, type: "log", tickvals: ticks, ticktext: text };
}

// High enough for where the runs start, unless one starts wildly; what diverges leaves the picture at its top.
function heightOf(runs, traces) {
  if (data.rising.some((name) => state.metric.endsWith(name))) return {};
  const curves = runs.map(({ run }) => data.curves[run].metrics[state.metric] ?? {});
  const split = curves.some((each) => each.validation) ? "validation" : "train";
  const shown = curves.filter((each) => each[split]).map((each) => each[split].logged ?? each[split]);
  const values = shown.map((each) => each.values.filter((v) => v !== null));
  const starts = values.filter((each) => each.length).map((each) => each[0]).sort((a, b) => a - b);
  const drawn = traces.flatMap(({ y }) => y).filter((v) => v !== null);
  if (!starts.length || !drawn.length) return {};
  const low = values.flat().reduce((a, b) => Math.min(a, b)), middle = starts[Math.floor(starts.length / 2)];
  const height = Math.min(starts.at(-1) - low, WILD_START * (middle - low));
  if (height <= FLAT * Math.abs(low)) return {};
  const lowest = drawn.reduce((a, b) => Math.min(a, b)), highest = drawn.reduce((a, b) => Math.max(a, b));
  const range = [
    lowest - MARGIN * height, // training too: the gap is the subject
    Math.min(low + (1 + ABOVE) * height, highest + MARGIN * height),
  ];
  return { range };
}

// A triangle at the top wherever a curve is above it, at the highest value of each stretch there.
function aboveTop({ x, y, line, meta, name }, top) {
  if (!line || meta.kind === "logged") return [];
  const at = [];
  let highest = null;
  for (let i = 0; i <= y.length; i++) {
    if (i < y.length && y[i] !== null && y[i] > top) highest = highest === null || y[i] > y[highest] ? i : highest;
    else if (highest !== null) [highest, at[at.length]] = [null, x[highest]];
  }
  if (!at.length) return [];
  const marker = { symbol: "triangle-up", color: line.color, size: 9 };
  const common = { name, mode: "markers", hoverinfo: "none", cliponaxis: false, marker };
  return [{ ...common, x: at, y: at.map(() => top), meta: { run: meta.run, kind: "above" } }];
}

const metricName = (metric) =>
  [...document.querySelectorAll('[data-switch="metric"] option')].find(({ value }) => value === metric)?.text ?? metric;

// The table beside the curves: what each run has at the epoch that is read.
function read() {
  for (const row of document.querySelectorAll(".legend tr[data-group]")) {
    const run = row.querySelector("button").dataset.run, curve = data.curves[run];
    const epoch = state.at ?? curve.best ?? curve.epochs;
    row.hidden = row.dataset.group !== state.group;
    row.querySelector("button").setAttribute("aria-pressed", String(!state.hidden.has(run)));
    for (const cell of row.querySelectorAll("[data-read]")) {
      const found = (curve.metrics[state.metric] ?? {})[cell.dataset.read];
      cell.textContent = found ? digits(valueAt(found, epoch)) : "–";
    }
  }
  const shown = state.at === null ? say("page-at-best-epochs") : `${say("page-at-epoch")} ${state.at.toLocaleString("en")}`;
  for (const place of document.querySelectorAll('[data-shows="at"]')) place.textContent = shown;
}

// ---------------------------------------------------------------------------------------------------------------------
// The answers

const errors = (triples) => ({
  type: "data", symmetric: false, visible: triples.some(([low, , high]) => high > low), thickness: 1.5, width: 5,
  array: triples.map(([, middle, high]) => high - middle), arrayminus: triples.map(([low, middle]) => middle - low),
});
const told = (name, [low, middle, high]) => `${plain(name)}: ${digits(middle)} [${digits(low)}, ${digits(high)}]`;

function sizesChart() {
  const { results, smallest } = data.sizes, x = results.map(({ parameters }) => parameters);
  const traces = SPLITS.map((split, i) => ({
    x, y: results.map((result) => result[split][1]), error_y: errors(results.map((result) => result[split])), mode: "lines+markers",
    name: split === "train" ? say("page-training") : say("page-validation"), line: { color: colour(`--run-${i}`), dash: DASH[split] },
    marker: { size: 8, symbol: SYMBOLS[i + 1] }, text: results.map((result) => told(result.run, result[split])), hoverinfo: "text",
  }));
  const kept = results.find(({ run }) => run === smallest);
  const marker = { size: 18, symbol: "circle-open", color: colour("--ink"), line: { width: 1.5 } };
  traces.push({ x: [kept.parameters], y: [kept.validation[1]], mode: "markers", marker, hoverinfo: "skip",
    name: say("page-smallest") });
  const xaxis = { title: { text: say("page-parameters-log") }, type: "log", dtick: 1 };
  return { traces, layout: { xaxis, yaxis: { title: { text: say("page-loss") } } } };
}

function rowsChart() {
  const { sizes, losses, forecasts } = data.more_rows;
  const ahead = forecasts.filter(({ loss }) => loss), marker = { size: 8 };
  const traces = [{
    x: sizes, y: losses, mode: "lines+markers", name: say("page-measured"), line: { color: colour("--run-0") }, marker,
    text: losses.map((loss, i) => `${sizes[i].toLocaleString("en")}: ${digits(loss)}`), hoverinfo: "text",
  }];
  if (ahead.length) traces.push({
    x: [sizes.at(-1), ...ahead.map(({ rows }) => rows)], y: [losses.at(-1), ...ahead.map(({ loss }) => loss[1])],
    error_y: errors([Array(3).fill(losses.at(-1)), ...ahead.map(({ loss }) => loss)]), mode: "lines+markers",
    name: say("page-forecast"), line: { color: colour("--run-1"), dash: "dash" }, marker: { size: 8, symbol: "square" },
    text: ["", ...ahead.map(({ rows, loss }) => told(rows.toLocaleString("en"), loss))], hoverinfo: "text",
  });
  const xaxis = { title: { text: say("page-training-rows-log") }, type: "log", dtick: 1 };
  return { traces, layout: { xaxis, yaxis: { title: { text: say("page-loss") } } } };
}

const pen = document.createElement("canvas").getContext("2d");
function widthOf(text) {
  pen.font = `${FONT_SIZE}px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

// Differences with their intervals, one below the other: better on the left of zero, worse on the right, if the p-value
// that is corrected for all of them says that it is no chance.
function forest(items, width) {
  const room = Math.max(10, Math.floor((0.4 * width) / 7)); // characters; a name's end tells runs apart
  const cut = (name) => (name.length <= room ? name : `…${name.slice(1 - room)}`);
  const side = ({ triple, adjusted }) => (adjusted >= CHANCE ? "even" : triple[1] < 0 ? "better" : "worse");
  const looks = { better: ["--good", "triangle-left"], even: ["--muted", "circle"], worse: ["--overfit", "triangle-right"] };
  const traces = Object.entries(looks).map(([which, [name, symbol]]) => {
    const here = items.map((item, y) => ({ ...item, y })).filter((item) => side(item) === which);
    const color = colour(name), triples = here.map(({ triple }) => triple);
    return {
      x: triples.map(([, middle]) => middle), y: here.map(({ y }) => y), mode: "markers", hoverinfo: "text", meta: which,
      error_x: { ...errors(triples), color }, marker: { symbol, size: 10, color },
      text: here.map(({ name: of, triple }) => told(of, triple)),
    };
  });
  const zero = { type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: colour("--muted"), width: 1 } };
  const names = items.map(({ name }) => cut(name)), l = 16 + Math.max(...names.map(widthOf));
  const yaxis = {
    tickvals: items.map((_, i) => i), ticktext: names.map(plain), range: [items.length - 0.4, -0.6],
    showgrid: false, fixedrange: true,
  };
  const title = width < 500 ? "" : say("page-difference-axis"); // no room for it beside the names
  const xaxis = { title: { text: title }, zeroline: false };
  const layout = { height: 80 + 26 * items.length, margin: { ...MARGINS, l }, showlegend: false, shapes: [zero] };
  return { traces, layout: { ...layout, xaxis, yaxis } };
}

const paired = (name, { difference, interval: [low, high], adjusted }) => ({ name, triple: [low, difference, high], adjusted });

function effectsChart(width) {
  return forest(data.effects.map((effect) => paired(effect.name, effect.loss)), width);
}

function standingsChart(width) {
  const items = data.ranked_runs.map(({ run, compared }) => {
    const [loss] = Object.values(compared); // the loss is compared first; the best has nothing beside it
    return loss ? paired(run, loss) : { name: run, triple: [0, 0, 0], adjusted: 1 };
  });
  return forest(items, width);
}

// ---------------------------------------------------------------------------------------------------------------------
// The page

const CHARTS = { curves: curvesChart, sizes: sizesChart, effects: effectsChart, rows: rowsChart, standings: standingsChart };
const CONFIG = { displayModeBar: false, responsive: false };

function frame(width, tall) {
  const grid = { gridcolor: colour("--rule"), linecolor: colour("--rule"), zerolinecolor: colour("--rule") };
  const font = { family: getComputedStyle(document.body).fontFamily, size: FONT_SIZE, color: colour("--ink") };
  return {
    layout: {
      width, height: printing ? PRINT_HEIGHT : tall ? Math.min(440, Math.max(320, 0.55 * width)) : 340, font, margin: MARGINS,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", separators: ".,",
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemclick: false, itemdoubleclick: false },
      hoverlabel: { font: { ...font, color: colour("--ink") }, bgcolor: colour("--raised"), bordercolor: colour("--rule") },
    },
    grid,
  };
}

function draw(place) {
  const width = printing ? PRINT_WIDTH : place.clientWidth;
  const { traces, layout } = CHARTS[place.dataset.chart](width);
  const { layout: common, grid } = frame(width, place.classList.contains("tall"));
  const axes = { xaxis: { ...grid, ...layout.xaxis }, yaxis: { ...grid, ...layout.yaxis } };
  Plotly.react(place, traces, { ...common, ...layout, ...axes }, CONFIG);
  if (place.dataset.chart === "curves" && !place.dataset.heard) {
    place.dataset.heard = "yes";
    place.on("plotly_hover", ({ points }) => readAt(points[0].x));
  }
}

function readAt(epoch) {
  state.at = epoch;
  if (!state.ruled) {
    read();
    showSwitches();
  } else {
    state.ruled = false;
    drawCurves();
  }
}

function showSwitches() {
  for (const control of document.querySelectorAll("[data-switch]")) {
    const value = state[control.dataset.switch];
    if (control.type === "checkbox") control.checked = value;
    else control.value = value ?? 1;
  }
  for (const place of document.querySelectorAll('[data-shows="smoothing"]')) place.textContent = state.smoothing;
}

const muchLonger = (epochs) => Math.max(...epochs) > MUCH * epochs.sort((a, b) => a - b)[Math.floor(epochs.length / 2)];

// Draws everything anew, as the document in the page and the reader's switches say.
function gengapDraw() {
  data = JSON.parse(document.getElementById("gengap-data").textContent);
  const groups = Object.keys(data.groups), curves = Object.values(data.curves);
  const metrics = curves.flatMap((curve) => Object.keys(curve.metrics));
  if (!groups.includes(state.group)) state.group = groups[0] ?? "";
  if (!metrics.includes(state.metric)) state.metric = metrics[0] ?? "";
  if (shownRuns().length) state.log ??= muchLonger(shownRuns().map(({ run }) => data.curves[run].epochs));
  showSwitches();
  read();
  document.querySelectorAll("[data-chart]").forEach(draw);
}

function drawCurves() {
  showSwitches();
  read();
  document.querySelectorAll('[data-chart="curves"]').forEach(draw);
}

// Listeners are the document's, so that they outlive <main>.
document.addEventListener("input", ({ target }) => {
  const { switch: name } = target.dataset;
  if (target.id === "theme") return setTheme(target.value);
  if (!name) return;
  state[name] = target.type === "checkbox" ? target.checked : target.type === "range" ? Number(target.value) : target.value;
  if (name === "at") state.ruled = true;
  drawCurves();
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button"), link = target.closest('a[href^="#why-"]');
  if (link) document.getElementById(link.hash.slice(1))?.setAttribute("open", "");
  if (!button) return;
  const { run, hide, best } = button.dataset;
  if (run !== undefined && !state.hidden.delete(run)) state.hidden.add(run);
  if (hide === "none") state.hidden.clear();
  if (hide === "all") shownRuns().forEach((each) => state.hidden.add(each.run));
  if (best !== undefined) [state.at, state.ruled] = [null, false];
  drawCurves();
});

// The theme is remembered where the browser allows it.
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("gengap-theme", theme); } catch { /* a page that may not remember */ }
  gengapDraw();
}

let remembered = "auto";
try { remembered = localStorage.getItem("gengap-theme") ?? "auto"; } catch { /* as above */ }
document.getElementById("theme").value = document.documentElement.dataset.theme = remembered;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => gengapDraw());

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(gengapDraw, 100);
});

// On paper: light, as wide as the sheet, with the reasons open.
addEventListener("beforeprint", () => {
  printing = true;
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll("details[data-print]:not([open])").forEach((each) => { each.open = each.dataset.opened = true; });
  gengapDraw();
});
addEventListener("afterprint", () => {
  printing = false;
  document.documentElement.dataset.theme = document.getElementById("theme").value;
  document.querySelectorAll("details[data-opened]").forEach((each) => { each.open = false; delete each.dataset.opened; });
  gengapDraw();
});

gengapDraw();
