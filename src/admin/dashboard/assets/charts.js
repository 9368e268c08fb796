// Charts of the last five minutes, drawn by uPlot.
import { byId, make, setText } from "./page.js";

const POINTS_MAX = 300;
const HEIGHT = 170;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Chart {
  constructor(title, names, show, range) {
    this.names = names;
    this.show = show;
    this.range = range;
    this.data = [[], ...names.map(() => [])];
    this.values = names.map(() => make("output", {}, "–"));
    this.plot = make("div", { class: "plot", role: "img", "aria-label": title });
    this.title = title;
    const legend = names.map((name, at) => make("li", { class: `series-${at + 1}` }, `${name} `, this.values[at]));
    byId("charts").append(make("div", { class: "chart" }, make("h3", {}, title), this.plot, make("ul", { class: "legend" }, legend)));
  }

  add(time, values) {
    [time, ...values].forEach((value, at) => {
      this.data[at].push(value);
      if (this.data[at].length > POINTS_MAX) this.data[at].shift();
    });
    values.forEach((value, at) => setText(this.values[at], value === null ? "–" : this.show(value)));
    const said = this.names.map((name, at) => `${name} ${this.values[at].textContent}`).join(", ");
    this.plot.setAttribute("aria-label", `${this.title}: ${said}`);
  }

  draw() {
    const width = this.plot.clientWidth;
    // Of one point uPlot makes an axis of years.
    if (width === 0 || this.data[0].length < 2) return;
    if (!this.chart) {
      this.chart = new uPlot(this.options(width), this.data, this.plot);
    } else {
      if (this.chart.width !== width) this.chart.setSize({ width, height: HEIGHT });
      this.chart.setData(this.data);
    }
  }

  /** Draws it anew, in the colours of the theme. */
  restyle() {
    this.chart?.destroy();
    this.chart = undefined;
    this.draw();
  }

  options(width) {
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const series = this.names.map((name, at) => ({ label: name, stroke: colour(`--series-${at + 1}`), width: 1.5, points: { show: false } }));
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, range: (chart, from, to) => [Math.min(from, to - 60), to] }, y: { range: this.range } },
      axes: [axis, { ...axis, size: 58, values: (chart, ticks) => ticks.map((tick) => this.show(tick)) }],
      series: [{}, ...series],
    };
  }
}

const fromZero = (chart, from, to) => [0, Math.max(1, to * 1.1)];
const rate = (value) => (value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1));
const ms = (value) => `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} ms`;
const share = (value) => `${Math.round(value * 100)} %`;

/** The charts, and how points are added to them. */
export class Charts {
  constructor() {
    this.charts = [
      new Chart("Requests a second", ["from cache", "not from cache", "errors"], rate, fromZero),
      new Chart("Hit ratio", ["hit ratio"], share, () => [0, 1]),
      new Chart("Time to answer", ["P50", "P95", "P99"], ms, fromZero),
      new Chart("Time of upstream", ["P50", "P95", "P99"], ms, fromZero),
    ];
    this.latest = -Infinity;
    new ResizeObserver(() => this.draw()).observe(byId("charts"));
  }

  /** Adds points; those that are not newer than the last are there already, or are of an instance that has gone. */
  add(points) {
    const [requests, ratio, answers, upstream] = this.charts;
    for (const point of points) {
      const time = Date.parse(point.at) / 1000;
      if (!(time > this.latest)) continue;
      this.latest = time;
      requests.add(time, [point.from_cache, point.not_from_cache, point.errors]);
      ratio.add(time, [point.hit_ratio]);
      answers.add(time, point.answers_ms);
      upstream.add(time, point.upstream_ms);
    }
    this.draw();
  }

  draw() {
    if (!document.hidden) this.charts.forEach((chart) => chart.draw());
  }

  restyle() {
    this.charts.forEach((chart) => chart.restyle());
  }
}
